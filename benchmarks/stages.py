"""Print, as JSON, how much processor time each stage of ctrlog takes: `stages.py JOB LOG`.

The stages are those of `ctrlog.run.pipeline`, one block of lines after the other, with default
options and in one process.
"""

import gc
import json
import sys
from collections.abc import Callable
from contextlib import closing
from functools import partial
from time import process_time
from typing import TypeVar

from ctrlog.inputs.lines import MAX_LINE_BYTES, open_source
from ctrlog.metrics.totals import Metrics
from ctrlog.outputs.records import Format, Per, make_sink
from ctrlog.schemas.decoder import Decoder
from ctrlog.schemas.native import Schema
from ctrlog.sessions.shard import Shard

T = TypeVar("T")


class Stopwatch:
    """Adds up the processor time of stages.

    Attributes:
        stages_s: Seconds by the stage's name.
    """

    def __init__(self) -> None:
        """Start with no stage."""
        self.stages_s: dict[str, float] = {}

    def time(self, stage: str, work: Callable[[], T]) -> T:
        """Do some work of a stage."""
        start_s = process_time()
        done = work()
        self.stages_s[stage] = self.stages_s.get(stage, 0) + process_time() - start_s
        return done


def stages(job: str, log: str) -> dict[str, float]:
    """Run a log through ctrlog.

    Args:
        job: `summary` or `run`.
        log: Path of the log.

    Returns:
        Seconds of processor time by stage.
    """
    gc.disable()  # as the command line does
    stopwatch = Stopwatch()
    decoder, shard = Decoder(Schema(), MAX_LINE_BYTES), Shard()
    metrics, sink = Metrics(), make_sink(Format.CSV, Per.SEARCH)
    with closing(open_source(log)) as source:
        blocks = source.blocks()
        while block := stopwatch.time("read", partial(next, blocks, None)):
            events = stopwatch.time("decode", partial(decoder.decode, block)).events
            ended = stopwatch.time("find searches", partial(shard.feed, events))
            if job == "summary":
                stopwatch.time("count", partial(metrics.update, ended))
            else:
                stopwatch.time("write", partial(sink.lines, ended.searches))
    return stopwatch.stages_s


if __name__ == "__main__":
    print(json.dumps(stages(*sys.argv[1:])))
