"""SQLAlchemy with Snowflake's dialect against the local warehouse: reflection, tables of its own, the ORM, and pandas on top."""
import decimal, json, sys
from datetime import datetime

import pandas
from snowflake.connector.pandas_tools import pd_writer
from snowflake.sqlalchemy import URL
from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, Numeric, String, Table, create_engine, inspect, select, text
from sqlalchemy.orm import Session, declarative_base

s = json.load(open(sys.argv[1]))
host, port = s["snowflake"].removeprefix("http://").split(":")
engine = create_engine(
    URL(account=s["account"], user=s["user"], password=s["password"], host=host, port=int(port),
        database=s["database"], schema=s["schema"], warehouse=s["warehouse"], role=s["role"]),
    connect_args={"protocol": "http"})

with engine.connect() as c:
    assert c.execute(text("SELECT :a, :b"), {"a": 5, "b": "x"}).all() == [(5, "x")]

table = "kinesis_sensors_streaming"
look = inspect(engine)
assert {table, "kinesis_sensors_microbatch"} <= set(look.get_table_names())
assert look.has_table(table) and not look.has_table("no_such_table")
columns = {c["name"]: c for c in look.get_columns(table)}
assert not columns["sensorid"]["nullable"] and str(columns["status"]["type"]).startswith("VARCHAR"), columns
assert look.get_unique_constraints(table)[0]["column_names"] == ["_shard", "_ordinal", "_generation"]
assert look.get_pk_constraint(table)["constrained_columns"] == [] and look.get_foreign_keys(table) == []
reflected = Table(table, MetaData(), autoload_with=engine)
assert "_ordinal" in reflected.columns
everything = MetaData()
everything.reflect(engine)
assert table in everything.tables

Base = declarative_base()


class Reading(Base):
    __tablename__ = "alchemy"
    id = Column(Integer, primary_key=True, autoincrement=False)
    name = Column(String(50))
    value = Column(Numeric(10, 2))
    good = Column(Boolean)
    at = Column(DateTime)


Base.metadata.create_all(engine)
with Session(engine) as session:
    session.add_all([Reading(id=1, name="a", value=decimal.Decimal("1.25"), good=True, at=datetime(2024, 1, 2, 3, 4, 5)), Reading(id=2, name="b", good=False)])
    session.commit()
    session.get(Reading, 2).name = "changed"
    session.commit()
    found = [(r.id, r.name, r.value, r.good, r.at) for r in session.scalars(select(Reading).order_by(Reading.id))]
    assert found == [(1, "a", decimal.Decimal("1.25"), True, datetime(2024, 1, 2, 3, 4, 5)), (2, "changed", None, False, None)], found
    session.delete(session.get(Reading, 1))
    session.rollback()
    assert len(session.scalars(select(Reading)).all()) == 2
Base.metadata.drop_all(engine)

frame = pandas.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "t": pandas.to_datetime(["2024-01-01 00:00:00.0", "1969-12-31 23:59:59.5", "2024-01-03 00:00:00.0"])})
for method in (None, "multi"):
    frame.to_sql("frame", engine, index=False, if_exists="replace", method=method)
    back = pandas.read_sql_table("frame", engine).sort_values("a").reset_index(drop=True)
    assert list(back["t"]) == list(frame["t"]) and list(back["a"]) == [1, 2, 3] and back["b"].isna().sum() == 1, back
frame.rename(columns=str.upper).to_sql("frame", engine, index=False, if_exists="append", method=pd_writer)
assert pandas.read_sql("SELECT COUNT(*) AS n FROM frame", engine)["n"][0] == 6
with engine.begin() as c:
    c.execute(text("DROP TABLE frame"))
engine.dispose()
print("alchemy ok")
