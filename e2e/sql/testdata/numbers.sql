# Division, averages and cutting keep the scale of decimals.
page: https://docs.snowflake.com/en/sql-reference/operators-arithmetic
> select 1/3
= 0.333333
> select 1/3 = 0.333333
= 1
> select (1/3)*3
= 0.999999
> select 2/3, -2/3
= 0.666667|-0.666667
> select 6/2||''
= 3.000000
> select 1.50/4
= 0.37500000
> select (1/3)/3
= 0.111111000000
> select 1::float/4
= 0.25
> select 7/null
= NULL
> select 1/0
! 100051
> select 5 % 0
! 100051
> select mod(5, 0)
! 100051
> select mod(7, 4), -7 % 4
= 3|-3
> select sum(column1)/count(*) from values (1),(2),(4)
= 2.333333
> select column1 / sum(column1) over () from values (1),(3) order by 1
= 0.250000
= 0.750000
> select div0(5, 0), div0(5, 2), div0null(5, null)
= 0.000000|2.500000|0.000000
page: https://docs.snowflake.com/en/sql-reference/functions/avg
> select avg(column1) from values (1),(2),(4)
= 2.333333
> select avg(distinct column1) from values (1),(1),(4)
= 2.500000
> select avg(column1) from values (1.50),(2.25)
= 1.87500000
> select avg(column1) from values (1) where false
= NULL
> select avg(column1::float) from values (1),(2)
= 1.5
> select avg(column1) over (partition by column2 order by column1) from values (1,1),(2,1) order by column1
= 1.000000
= 1.500000
page: https://docs.snowflake.com/en/sql-reference/functions/trunc
> select trunc(0.29, 2), trunc(4.35, 2), trunc(1.15, 2)
= 0.29|4.35|1.15
> select trunc(-1.159, 2), trunc(199, -2), trunc(1.5)
= -1.15|100|1
> select trunc(4.35::float, 2)
= 4.35
page: https://docs.snowflake.com/en/sql-reference/data-types-numeric
> select 1::float::varchar, power(2, 3)::varchar, 1.5::float::varchar
= 1|8|1.5
