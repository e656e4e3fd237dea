"""The same table as CSV with typed columns, for the hub and for data tools.

pyarrow writes and reads it. It takes 170 MB installed, a tenth of the whole studio for one file
format, so it is not among the requirements: without it this target is refused and says so.
"""

from pathlib import Path
from typing import Any

from engine.exports.base import Expected, Export, Loaded, Material, Probe, Refused
from engine.exports.checks import answers

FILE = "answers.parquet"


def arrow() -> tuple[Any, Any]:
    """(pyarrow, pyarrow.parquet), or Refused with the cure."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise Refused(
            "Parquet is written by pyarrow, which is not installed here; `pip install pyarrow` "
            "brings it, or take the CSV: the rows are the same"
        ) from None
    return pyarrow, pyarrow.parquet


def tables(what: Material) -> tuple[answers.Tables, str]:
    rows, left = answers.kept(what)
    return {FILE: answers.flat(rows)}, left


def write(what: Material, folder: Path) -> None:
    pa, parquet = arrow()
    kinds = {int: pa.int64(), str: pa.string(), bool: pa.bool_(), float: pa.float64()}
    schema = pa.schema([(name, kinds[kind]) for name, kind in answers.COLUMNS.items()])
    rows = tables(what)[0][FILE]
    parquet.write_table(pa.Table.from_pylist(rows, schema=schema), folder / FILE)


def expect(what: Material) -> Expected:
    return answers.expected(what, *tables(what))


def reload(folder: Path, probe: Probe) -> Loaded:
    _, parquet = arrow()
    return answers.compared(folder, probe, lambda path: parquet.read_table(path).to_pylist())


ANSWERS_PARQUET = Export(
    write, reload, expect, "Answers as a table (Parquet)", frozenset({"answers"}),
    "`pandas.read_parquet(\"answers.parquet\")` or `load_dataset(\"parquet\", "
    "data_files=\"answers.parquet\")`: a row for every item that was shown.",
    words=True,
)  # fmt: skip
