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
