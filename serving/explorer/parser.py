"""The parser's wall: what it does not know it denies.

The statement is read into a tree, each node must be of a kind that is listed, each table one that is published, and
what runs is written anew from the tree: the engine never sees the text, so that no comment or quote can read one way
here and another way there.
"""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from serving.explorer.answers import ExplorerError

MAX_LETTERS = 20_000
MAX_NESTING = 50


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


CLAUSES = _words(
    """
    Select Union Except Intersect Subquery With CTE From Join Where Group Having Qualify Order Ordered Limit Offset
    Distinct Table TableAlias Alias Aliases Column Identifier Star Values Tuple Lateral Unnest Window WindowSpec Filter
    WithinGroup Rollup Cube GroupingSets Literal Boolean Null RawString Paren Var Interval Cast TryCast DataType
    DataTypeParam Case If And Or Not Xor EQ NEQ NullSafeEQ NullSafeNEQ GT GTE LT LTE Is In Between Like ILike
    SimilarTo Exists Any All Add Sub Mul Div IntDiv Mod Neg DPipe Array Bracket Slice Struct PropertyEQ Lambda
    AtTimeZone IntervalSpan WeekStart IgnoreNulls RespectNulls
    """
)
"""Kinds of nodes that make up a question. INTO, locks, parameters, commands and changes are not among them."""

FUNCTIONS = _words(
    """
    Abs Ceil Floor Round Sign Sqrt Cbrt Exp Ln Log Pow Trunc Degrees Radians Sin Cos Tan Asin Acos Atan Atan2 Pi
    Greatest Least Coalesce Nullif
    Count CountIf Sum Avg Min Max ArgMax ArgMin AnyValue ApproxDistinct Median Mode PercentileCont PercentileDisc
    Quantile Stddev StddevPop StddevSamp Variance VariancePop Corr CovarPop CovarSamp RegrSlope RegrIntercept RegrR2
    RegrCount RegrAvgx RegrAvgy GroupConcat ArrayAgg LogicalAnd LogicalOr
    RowNumber Rank DenseRank PercentRank CumeDist Ntile Lag Lead FirstValue LastValue NthValue
    Upper Lower Initcap Length Trim Left Right Substring Concat ConcatWs Replace StrPosition SplitPart Repeat Reverse
    Pad StartsWith EndsWith Contains RegexpLike RegexpILike RegexpReplace RegexpExtract
    CurrentDate CurrentTimestamp DateTrunc TimestampTrunc DateDiff DateAdd DateSub DateFromParts TimestampFromParts
    Extract Year Month Day DayOfWeek DayOfMonth DayOfYear WeekOfYear Week Quarter Hour Minute Second LastDay Monthname
    Dayname TimeToStr StrToDate StrToTime UnixToTime TimeToUnix ToChar Date TsOrDsToDate
    GenerateSeries ExplodingGenerateSeries Explode ArraySize ArrayContains ArrayToString
    """
)
"""Functions that sqlglot knows by a kind of their own."""

NAMED_FUNCTIONS = _words(
    """
    date_part epoch isodow to_char range list_sum list_avg list_min list_max len strftime width_bucket div
    ltrim rtrim btrim char_length regexp_matches bool_and bool_or every isfinite isnan age make_date time_bucket now
    today
    """
)
"""Functions that it has no kind for; any other name is denied."""

TYPES = _words(
    """
    BOOLEAN TINYINT SMALLINT INT BIGINT INT128 FLOAT DOUBLE DECIMAL CHAR VARCHAR TEXT DATE TIME TIMESTAMP TIMESTAMPTZ
    TIMESTAMPNTZ INTERVAL ARRAY
    """
)
"""Types that a value may be cast to. PostgreSQL's regclass and its like look into the catalogue."""

# How people name the schemas of the published copy, whatever the engine calls the place.
_PLACES = {"marts": ("marts",), "ledger": ("ledger",), "published": ("marts", "ledger", "main"), "main": ("main",)}
# A name of its own that shadows one of the engine's would turn on both reading scopes alike.
_CATALOGUES = ("pg_", "duckdb_", "sqlite_", "pragma_", "information_schema")


def checked(sql: str, engine: str, relations: Iterable[str], rows: int | None) -> str:
    """The statement to run: at most `rows` + 1 rows of it, each table by its full name. `relations` are `schema.name`.

    Raises ExplorerError QUERY_DENIED, or QUERY_FAILED when it cannot be read as SQL.
    """
    tree = _parsed(sql, engine)
    for node in tree.walk():
        _known(node)
    places = _published(relations)
    for column in tree.find_all(exp.Column):
        if column.args.get("catalog"):
            raise _denied(f"{column.sql()!r} names another database; write table.column")
        # `marts.t.c` and `published.t.c` are `t.c`.
        column.set("db", None)
    for table in list(tree.find_all(exp.Table)):
        _published_only(table, places, engine)
    if rows is None:
        return tree.sql(dialect=engine, comments=False)
    inner = tree.sql(dialect=engine, comments=False)
    return f"SELECT * FROM ({inner}) AS answer LIMIT {rows + 1}"


def _parsed(sql: str, engine: str) -> exp.Expr:
    if len(sql) > MAX_LETTERS:
        raise _denied(f"the statement is longer than {MAX_LETTERS:,} letters")
    if any(ord(letter) < 32 and letter not in "\t\r\n" for letter in sql):
        raise _denied("the statement holds a control character")
    try:
        depth = deepest = 0
        for token in sqlglot.tokenize(sql, read=engine):
            opens = token.text in ("(", "[", "{") and token.token_type != sqlglot.TokenType.STRING
            closes = token.text in (")", "]", "}") and token.token_type != sqlglot.TokenType.STRING
            depth += opens - closes
            deepest = max(deepest, depth)
        if deepest > MAX_NESTING:
            raise _denied(f"brackets are nested more than {MAX_NESTING} deep")
        found = [statement for statement in sqlglot.parse(sql, read=engine) if statement is not None]
    except RecursionError:
        raise _denied("the statement is nested too deep") from None
    except SqlglotError as error:
        raise ExplorerError("QUERY_FAILED", f"this cannot be read as SQL: {_first_line(error)}") from None
    if not found:
        raise _denied("there is no statement")
    if len(found) > 1:
        raise _denied(f"{len(found)} statements were given; ask one at a time")
    (tree,) = found
    while isinstance(tree, exp.Subquery) and not tree.alias:
        tree = tree.this
    if not isinstance(tree, exp.Query | exp.Values) or isinstance(tree, exp.Table):
        raise _denied("only SELECT is answered here")
    return tree


def _known(node: exp.Expr) -> None:
    kind = type(node).__name__
    if kind == "DataType":
        named = node.this.name if isinstance(node.this, exp.DataType.Type) else str(node.this)
        if named not in TYPES:
            raise _denied(f"a cast to {node.sql()} is not allowed here")
    elif kind == "Anonymous":
        if str(node.name).lower() not in NAMED_FUNCTIONS or isinstance(node.this, exp.Expr):
            raise _denied(f"the function {node.name} is not allowed here")
    elif kind not in CLAUSES and kind not in FUNCTIONS:
        if isinstance(node, exp.Func):
            raise _denied(f"the function {node.sql_name().lower()} is not allowed here")
        raise _denied(f"{kind.upper()} is not allowed here: only SELECT over marts and ledgers is")


def _published(relations: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names by schema: {"marts": {"monthly_billing": "monthly_billing"}, ...}, in small letters."""
    found: dict[str, dict[str, str]] = {"marts": {}, "ledger": {}, "main": {"publication": "publication"}}
    for relation in relations:
        schema, name = relation.split(".")
        if schema in found:
            found[schema][name.lower()] = name
    return found


def _published_only(table: exp.Table, places: dict[str, dict[str, str]], engine: str) -> None:
    if not isinstance(table.this, exp.Identifier):
        return  # a function, which has been looked at as a node
    if table.args.get("catalog"):
        raise _denied(f"{table.sql()!r} names another database")
    unknown = [key for key, value in table.args.items() if value and key not in ("this", "db", "alias", "joins")]
    if unknown:
        raise _denied(f"{' and '.join(unknown)} of a table is not allowed here")
    name, schema = table.name.lower(), table.db.lower()
    if not schema and _is_cte(table):
        return
    if schema and schema not in _PLACES:
        raise _denied(f"{table.db}.{table.name} is not published; marts and ledgers are")
    for place in _PLACES[schema] if schema else ("marts", "ledger", "main"):
        if name in places[place]:
            table.set("this", exp.to_identifier(places[place][name]))
            table.set("db", exp.to_identifier("published" if engine == "postgres" else place))
            return
    raise _denied(f"{table.name} is not published; marts and ledgers are")


def _is_cte(table: exp.Table) -> bool:
    """Whether a bare name is that of a WITH that is in sight, as both engines see it."""
    name = table.name.lower()
    if name.startswith(_CATALOGUES):
        return False
    child: exp.Expr = table
    within: exp.Expr | None = None
    while child.parent is not None:
        parent = child.parent
        if isinstance(parent, exp.With):
            within = child  # the CTE in which the name stands
        found = parent.args.get("with_")
        if isinstance(found, exp.With):
            for cte in found.expressions:
                if found is child and cte is within and not found.recursive:
                    break  # it sees those before it only
                if cte.alias.lower() == name:
                    return True
                if found is child and cte is within:
                    break
        child = parent
    return False


def _denied(reason: str) -> ExplorerError:
    return ExplorerError("QUERY_DENIED", reason)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:300]
