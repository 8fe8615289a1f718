"""Fields inside the columns of a table: `meta.text` of a struct, `messages.*.content` of a list of structs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from tokit.corpus.nested import EACH, JOINT

# pyarrow ships no types.
Batch: TypeAlias = Any
Column: TypeAlias = Any
DataType: TypeAlias = Any
Schema: TypeAlias = Any


def is_nested(schema: Schema, field: str) -> bool:
    """True for a path into a column; a column of that very name wins."""
    return field not in schema.names and field.partition(".")[0] in schema.names and "." in field


def column_of(schema: Schema, field: str) -> str:
    """The column to read for a field."""
    return field.partition(".")[0] if is_nested(schema, field) else field


def type_at(schema: Schema, field: str) -> DataType | None:
    """Type of the text of a path; None where there is no such path."""
    first, *rest = field.split(".")
    return _type_below(schema.field(first).type, rest)


def _type_below(kind: DataType, parts: list[str]) -> DataType | None:
    from pyarrow import types

    if not parts:
        return kind
    if parts[0] == EACH:
        is_list = types.is_list(kind) or types.is_large_list(kind)
        return _type_below(kind.value_type, parts[1:]) if is_list else None
    index = kind.get_field_index(parts[0]) if types.is_struct(kind) else -1
    return None if index < 0 else _type_below(kind.field(index).type, parts[1:])


def text_paths(schema: Schema) -> Iterator[str]:
    """Paths to text inside columns, for messages."""
    for field in schema:
        yield from _paths_below(field.type, field.name)


def _paths_below(kind: DataType, prefix: str) -> Iterator[str]:
    from pyarrow import types

    if types.is_struct(kind):
        for member in kind:
            if types.is_string(member.type) or types.is_large_string(member.type):
                yield f"{prefix}.{member.name}"
            else:
                yield from _paths_below(member.type, f"{prefix}.{member.name}")
    elif types.is_list(kind) or types.is_large_list(kind):
        yield from [f"{prefix}.{EACH}"] if types.is_string(kind.value_type) else []
        yield from _paths_below(kind.value_type, f"{prefix}.{EACH}")


def with_text(batch: Batch, field: str) -> Batch:
    """A batch with the text of a path as a column of that name; texts of a list are joined by newlines."""
    first, *rest = field.split(".")
    return batch.append_column(field, _below(batch.column(first), rest))


def _below(column: Column, parts: list[str]) -> Column:
    import pyarrow as pa
    import pyarrow.compute as pc

    if not parts:
        return column
    if parts[0] != EACH:
        return _below(pc.struct_field(column, parts[0]), parts[1:])
    texts = _below(column.flatten(), parts[1:]).cast(pa.string())
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    ends = [0, *lengths.cumsum().tolist()]
    lists = pa.ListArray.from_arrays(pa.array(ends, pa.int32()), texts)
    # A null among the texts, or in place of the list, makes the document null.
    return pc.if_else(column.is_valid(), pc.binary_join(lists, JOINT), None)
