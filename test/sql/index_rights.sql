-- Who may look into an index: who may select all rows of its table.
SET client_min_messages = warning;
CREATE TABLE index_rights (id int, tenant name, v vector(4));
INSERT INTO index_rights SELECT i, CASE WHEN i % 2 = 0 THEN 'regress_vecx_reader' ELSE 'another' END, ARRAY[i % 7, i % 11, i % 13, i]::vector FROM generate_series(1, 200) i;
CREATE INDEX index_rights_v ON index_rights USING ivfpq (v vector_l2_ops) WITH (lists = 4, quantizer = pq, m = 4, bits = 4);
CREATE ROLE regress_vecx_reader;
CREATE FUNCTION look(what text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
    detail text;
BEGIN
    EXECUTE what INTO answer;
    RETURN answer;
EXCEPTION WHEN insufficient_privilege THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws('; ', SQLERRM, nullif(detail, ''));
END $$;
CREATE VIEW looks AS SELECT look FROM (VALUES ('SELECT rows FROM vecx_index_info(''index_rights_v'')'), ('SELECT count(*) FROM vecx_index_lists(''index_rights_v'')'), ('SELECT length(vecx_pq_codebook(''index_rights_v''))')) w (what), look(what);
GRANT SELECT ON looks TO regress_vecx_reader;
-- Not without a right to the table, nor with one to a column.
SET ROLE regress_vecx_reader;
SELECT * FROM looks;
RESET ROLE;
GRANT SELECT (id, v) ON index_rights TO regress_vecx_reader;
SET ROLE regress_vecx_reader;
SELECT * FROM looks;
RESET ROLE;
GRANT SELECT ON index_rights TO regress_vecx_reader;
SET ROLE regress_vecx_reader;
SELECT * FROM looks;
RESET ROLE;
-- Nor where a policy keeps some of the rows from the user.
ALTER TABLE index_rights ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON index_rights USING (tenant = current_user);
SELECT * FROM looks;
SET ROLE regress_vecx_reader;
SELECT count(*) FROM index_rights;
SELECT * FROM looks;
RESET ROLE;
DROP VIEW looks;
DROP TABLE index_rights;
DROP FUNCTION look(text);
DROP ROLE regress_vecx_reader;
