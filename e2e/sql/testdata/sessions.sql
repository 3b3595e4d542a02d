# Session parameters are obeyed, or refused by name; unknown ones are errors.
page: https://docs.snowflake.com/en/sql-reference/parameters
> alter session set query_tag = 'nightly'
= Statement executed successfully.
> alter session set timezone = 'UTC'
= Statement executed successfully.
> alter session set timezone = 'America/New_York'
! 2
> alter session set week_start = 7
! 2
> alter session set timestamp_output_format = 'YYYY'
! 2
> alter session set no_such_parameter = 1
! 1006
# A temporary table hides a permanent one of the same name in its session.
page: https://docs.snowflake.com/en/user-guide/tables-temp-transient
> create table twice (a int)
= Table TWICE successfully created.
> insert into twice values (1)
= 1
> create temporary table twice (a int)
= Table TWICE successfully created.
> insert into twice values (2), (3)
= 2
> select * from twice order by a
= 2
= 3
> alter table twice rename to thrice
= Statement executed successfully.
> select count(*) from thrice
= 2
> select * from twice
= 1
> drop table thrice
= THRICE successfully dropped.
> drop table twice
= TWICE successfully dropped.
# An UPDATE from several matching rows counts a target row once, and says how many of them had several.
page: https://docs.snowflake.com/en/sql-reference/sql/update
> create or replace temporary table target as select column1 as id, 0 as v from values (1), (2), (3)
= Table TARGET successfully created.
> create or replace temporary table source as select column1 as id, column2 as v from values (1, 1), (1, 2), (1, 3), (2, 1)
= Table SOURCE successfully created.
> update target set v = source.v from source where source.id = target.id
= 2|1
page: https://docs.snowflake.com/en/sql-reference/info-schema/columns
> select is_identity, is_self_referencing from information_schema.columns limit 0
page: https://docs.snowflake.com/en/release-notes/bcr-bundles/2025_07/bcr-2061
> create table test_data_type_alias (b bigint, d double precision, n number(10, 2))
= Table TEST_DATA_TYPE_ALIAS successfully created.
> select data_type, data_type_alias from information_schema.columns where table_name = 'TEST_DATA_TYPE_ALIAS' order by ordinal_position
= NUMBER|BIGINT
= FLOAT|DOUBLE PRECISION
= NUMBER|NUMBER
page: https://docs.snowflake.com/en/sql-reference/sql/desc-table
> desc table test_data_type_alias type = columns
= B|NUMBER(38,0)|COLUMN|Y|NULL|N|N|NULL|NULL|NULL|NULL|NULL
= D|FLOAT|COLUMN|Y|NULL|N|N|NULL|NULL|NULL|NULL|NULL
= N|NUMBER(10,2)|COLUMN|Y|NULL|N|N|NULL|NULL|NULL|NULL|NULL
page: https://docs.snowflake.com/en/sql-reference/info-schema/tables
> select is_dynamic, is_iceberg from information_schema.tables limit 0
