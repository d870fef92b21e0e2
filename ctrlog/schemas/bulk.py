"""Instructions of OpenSearch's and Elasticsearch's `_bulk`, which stand between documents.

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
    """Tell whether a line is an instruction, such as `{"index":{"_id":"1"}}`, and no document.

    It is one if its only key is the name of an instruction, with an object under it.
    """
    try:
        found = _decode(line)
    except (msgspec.MsgspecError, RecursionError):
        return False
    return sum(getattr(found, name) is not None for name in _NAMES) == 1
