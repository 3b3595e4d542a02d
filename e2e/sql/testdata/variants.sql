# Variants compare, sort and aggregate by value.
page: https://docs.snowflake.com/en/sql-reference/data-types-semistructured
> select parse_json('{"a":9}'):a < parse_json('{"a":10}'):a
= 1
> select parse_json('{"a":1.0}'):a = parse_json('{"a":1}'):a
= 1
> select parse_json('{"a":{"b":1,"c":2.0}}'):a = parse_json('{"a":{"c":2,"b":1.0}}'):a
= 1
> select parse_json('{"a":12345678901234567890}'):a = 12345678901234567890, parse_json('{"a":12345678901234567890}'):a = 12345678901234567891
= 1|0
> select column1 from (select parse_json(column1) as column1 from values ('{"s":10}'),('{"s":2}'),('{"s":1}')) order by column1:s
= {\n  "s": 1\n}
= {\n  "s": 2\n}
= {\n  "s": 10\n}
> select max(parse_json(column1)), min(parse_json(column1)) from values ('9.5'),('10.25'),('null')
= 10.25|9.5
> select greatest(parse_json('10.25'), 5), least(parse_json('10.25'), 5)
= 10.25|5
> select parse_json('{"a":"x"}'):a = 'x', parse_json('{"a":"10"}'):a = 10
= 1|1
> select parse_json('{"a":10}'):a in (9, 10.0), parse_json('{"a":10}'):a between 9 and 11
= 1|1
> select parse_json('{"a":null}'):a = 1
= NULL
> select count(*) from (select parse_json('{"a":2}') as j, 10 as n) where j:a < n
= 1
page: https://docs.snowflake.com/en/sql-reference/functions/typeof
> select typeof(parse_json('1')), typeof(parse_json('1.5')), typeof(parse_json('null')), typeof(parse_json('"x"'))
= INTEGER|DECIMAL|NULL_VALUE|VARCHAR
page: https://docs.snowflake.com/en/sql-reference/functions/array_size
> select array_size(parse_json('{}')), array_size(parse_json('[1,2]'))
= NULL|2
