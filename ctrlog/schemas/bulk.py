"""Action lines of the `_bulk` format of OpenSearch and Elasticsearch.

A log in this format has an action line before each document, which is not an event.

Source: https://docs.opensearch.org/latest/api-reference/document-apis/bulk/
"""

from __future__ import annotations

from typing import Any

import msgspec


class _Instruction(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    index: dict[str, Any] | None = None
    create: dict[str, Any] | None = None
    update: dict[str, Any] | None = None
    delete: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Instruction).decode
_NAMES = _Instruction.__struct_fields__


def is_instruction(line: bytes) -> bool:
    """Return whether a line is an action line rather than a document.

    An action line has a single key, which names the action, and an object as its value.

    >>> is_instruction(b'{"index":{"_id":"1"}}'), is_instruction(b'{"user":1}')
    (True, False)
    """
    try:
        found = _decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return sum(getattr(found, name) is not None for name in _NAMES) == 1
