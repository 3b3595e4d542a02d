page: https://docs.snowflake.com/en/sql-reference/functions/initcap
> select initcap('hello-world foo_bar')
= Hello-World Foo_Bar
> select initcap('hELLO wORLD'), initcap('')
= Hello World|
page: https://docs.snowflake.com/en/sql-reference/functions/split_part
> select split_part('abc', '', 1), split_part('a.b.c', '.', -1), split_part('a.b', '.', 3)
= abc|c|
page: https://docs.snowflake.com/en/sql-reference/functions/left
> select left('abc', -1), right('abc', -1), left('abc', 2)
= ||ab
page: https://docs.snowflake.com/en/sql-reference/functions/substr
> select substr('abc', -5, 3), substr('abc', -2, 1), substr('abc', 2)
= |b|bc
page: https://docs.snowflake.com/en/sql-reference/data-types-logical
> select true, false, null::boolean
= 1|0|NULL
# Texts that are no value of a type are refused, not guessed.
page: https://docs.snowflake.com/en/sql-reference/functions/to_boolean
> select '2'::boolean
! 100037
> select to_boolean(column1) from values ('2')
! 100037
> select 2::boolean, 0::boolean, parse_json('2')::boolean, 'on'::boolean, try_to_boolean('2')
= 1|0|1|1|NULL
page: https://docs.snowflake.com/en/sql-reference/functions/to_decimal
> select '1_000'::int
! 100038
> select to_number('1_0')
! 100038
> select '1_000.5'::float
! 100038
> select try_to_number('1_0'), try_cast('1_0' as float), ' 12 '::int, '1e3'::int
= NULL|NULL|12|1000
page: https://docs.snowflake.com/en/sql-reference/functions/to_binary
> select 'abc'::binary
! 100115
> select to_binary('6162'), try_to_binary('abc')
= ab|NULL
