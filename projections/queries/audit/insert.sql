-- one array for each column, in the order of the table
insert into audit_record
select * from unnest(
    $1::bigint[], $2::smallint[], $3::int[], $4::text[], $5::bigint[], $6::bigint[], $7::text[], $8::uuid[], $9::uuid[],
    $10::uuid[], $11::uuid[], $12::uuid[], $13::smallint[], $14::text[], $15::text[], $16::text[], $17::text[], $18::uuid[],
    $19::uuid[], $20::text[])
