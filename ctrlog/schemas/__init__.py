"""What a log calls things: lines in, events and bad lines out.

In: blocks of lines. Out: events in ctrlog's own vocabulary, and a reason for each line that is
none.

- `decoder` is the door: it decodes a block with the schema that it was given.
- `native` is ctrlog's own form; `mapping` describes any other, with `paths` into a line; `loader`
  reads such a schema from TOML; `presets/` has those that come with ctrlog.
- `reference` and `mapped_reference` define what a line means: slow, plain, and able to say what
  is wrong; `json_faults` finds the place where JSON breaks. `mapped_decoder`, `mapped_fields` and
  `extract` do the same fast for valid lines.
- `bad_lines` counts, shows and keeps bad lines; `bulk` skips `_bulk` instructions.

Start with `decoder.Decoder.decode`.
"""
