-- What can be said about an hnsw index: its options, its settings, and what is refused. The indexes are empty.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of
CREATE TABLE hnsw_options (id int, v vector(3), h halfvec(3), s sparsevec(3), b bit(3), free vector, free_s sparsevec, vb varbit(3));

-- An index that can be made; its options, as far as they were given.
CREATE FUNCTION pg_temp.try_options(options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    answer text;
BEGIN
    answer := pg_temp.error_of('CREATE INDEX hnsw_options_try ON hnsw_options USING hnsw (v vector_l2_ops) WITH (' || options || ')');
    IF answer = 'none' THEN
        SELECT reloptions INTO answer FROM pg_class WHERE relname = 'hnsw_options_try';
        DROP INDEX hnsw_options_try;
    END IF;
    RETURN answer;
END $$;

-- Each option at its limits and beyond.
SELECT options, pg_temp.try_options(options) FROM (VALUES
    (1, 'm = 2'), (2, 'm = 100, ef_construction = 200'), (3, 'm = 1'), (4, 'm = 101'), (5, 'm = many'),
    (6, 'm = 2, ef_construction = 4'), (7, 'ef_construction = 1000'), (8, 'm = 2, ef_construction = 3'), (9, 'ef_construction = 1001'),
    (10, 'ef_search = 1'), (11, 'ef_search = 1000'), (12, 'ef_search = 0'), (13, 'ef_search = 1001'), (14, 'ef_search = -1'),
    (15, 'storage = fast'), (16, 'storage = compact'), (17, 'storage = small'),
    (18, 'vectors = half'), (19, 'vectors = float'), (20, 'vectors = ''float'''), (21, 'vectors = double'),
    (22, 'fillfactor = 90'), (23, 'lists = 10')) t(number, options) ORDER BY number;

-- Two of them together.
SELECT options, pg_temp.try_options(options) FROM (VALUES
    (1, 'm = 16, ef_construction = 32'), (2, 'm = 16, ef_construction = 31'), (3, 'm = 33')) t(number, options) ORDER BY number;

-- Options can be changed and taken back; what was refused changed nothing.
CREATE INDEX hnsw_options_index ON hnsw_options USING hnsw (v vector_l2_ops) WITH (m = 8);
ALTER INDEX hnsw_options_index SET (ef_search = 100);
ALTER INDEX hnsw_options_index SET (ef_search = 0);
SELECT reloptions FROM pg_class WHERE relname = 'hnsw_options_index';
ALTER INDEX hnsw_options_index RESET (m, ef_search);
SELECT reloptions FROM pg_class WHERE relname = 'hnsw_options_index';

-- The rule about two options holds when the index is built.
ALTER INDEX hnsw_options_index SET (m = 40);
SELECT pg_temp.error_of('REINDEX INDEX hnsw_options_index');
ALTER INDEX hnsw_options_index SET (ef_construction = 80);
SELECT pg_temp.error_of('REINDEX INDEX hnsw_options_index');

-- What PostgreSQL knows about the index. It has no order of its own, but one by distance.
SELECT property, pg_indexam_has_property(oid, property) FROM pg_am, unnest(ARRAY['can_order', 'can_unique', 'can_multi_col', 'can_exclude', 'can_include']) property
WHERE amname = 'hnsw' ORDER BY property;
SELECT property, pg_index_has_property('hnsw_options_index', property) FROM unnest(ARRAY['clusterable', 'index_scan', 'bitmap_scan', 'backward_scan']) property ORDER BY property;
SELECT property, pg_index_column_has_property('hnsw_options_index', 1, property)
FROM unnest(ARRAY['asc', 'desc', 'orderable', 'distance_orderable', 'returnable', 'search_array', 'search_nulls']) property ORDER BY property;
DROP INDEX hnsw_options_index;

-- One index a class.
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops);
CREATE INDEX ON hnsw_options USING hnsw (v vector_ip_ops);
CREATE INDEX ON hnsw_options USING hnsw (v vector_cosine_ops);
CREATE INDEX ON hnsw_options USING hnsw (h halfvec_l2_ops);
CREATE INDEX ON hnsw_options USING hnsw (h halfvec_ip_ops);
CREATE INDEX ON hnsw_options USING hnsw (h halfvec_cosine_ops);
CREATE INDEX ON hnsw_options USING hnsw ((free::vector(4)) vector_l2_ops);
CREATE INDEX ON hnsw_options USING hnsw ((v::halfvec(3)) halfvec_l2_ops) WHERE id > 0;
SELECT indexdef FROM pg_indexes WHERE tablename = 'hnsw_options' ORDER BY indexdef COLLATE "C";

-- None is the default: the distance must be named.
CREATE INDEX ON hnsw_options USING hnsw (v);
CREATE INDEX ON hnsw_options USING hnsw (h);
CREATE INDEX ON hnsw_options USING hnsw (id);
CREATE INDEX ON hnsw_options USING hnsw (v halfvec_l2_ops);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops DESC);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops NULLS FIRST);

-- The column or expression says how many dimensions there are.
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_options USING hnsw (free vector_l2_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_options USING hnsw (free_s sparsevec_l2_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_options USING hnsw ((v + v) vector_l2_ops)');
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_options USING hnsw (vb bit_hamming_ops)');
CREATE TABLE hnsw_options_wide (v vector(16000), h halfvec(16000), b bit(64001));
SELECT pg_temp.error_of('CREATE INDEX ON hnsw_options_wide USING hnsw (b bit_hamming_ops)');

-- One column, not unique, nothing besides it, no constraint.
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops, h halfvec_l2_ops);
CREATE INDEX ON hnsw_options USING hnsw (v vector_l2_ops) INCLUDE (id);
CREATE UNIQUE INDEX ON hnsw_options USING hnsw (v vector_l2_ops);
-- The message names the operator in another way from version to version.
\set VERBOSITY sqlstate
ALTER TABLE hnsw_options ADD EXCLUDE USING hnsw (v vector_l2_ops WITH =);
\set VERBOSITY default

-- The settings.
SELECT name, setting, boot_val, vartype, context, min_val, max_val, enumvals FROM pg_settings WHERE name LIKE 'hnsw.%' ORDER BY name;
SHOW hnsw.ef_search;
SHOW hnsw.iterative_scan;
SHOW hnsw.max_scan_tuples;
SHOW hnsw.scan_mem_multiplier;
SET hnsw.ef_search = 0;
SET hnsw.ef_search = 1001;
SET hnsw.iterative_scan = on;
SET hnsw.max_scan_tuples = 0;
SET hnsw.scan_mem_multiplier = 0;
SET hnsw.scan_mem_multiplier = 1001;
SET hnsw.ef_searh = 1;

-- Every operator class of the access method is valid.
SELECT c.opcname, c.opcintype::regtype AS type, amvalidate(c.oid) AS valid FROM pg_opclass c JOIN pg_am am ON am.oid = c.opcmethod WHERE amname = 'hnsw' ORDER BY 1;

-- Those that are not are told what is wrong: without members, without a support function, with one of pgvector's, with a strategy
-- that does not exist, with an operator for searching, with an order that is not that of distances.
CREATE FUNCTION pg_temp.valid(class text) RETURNS boolean LANGUAGE sql AS
    $$SELECT amvalidate(c.oid) FROM pg_opclass c JOIN pg_am am ON am.oid = opcmethod WHERE amname = 'hnsw' AND opcname = class$$;
CREATE OPERATOR CLASS hnsw_options_empty FOR TYPE vector USING hnsw AS STORAGE vector;
SELECT pg_temp.valid('hnsw_options_empty');
CREATE OPERATOR CLASS hnsw_options_no_support FOR TYPE vector USING hnsw AS OPERATOR 1 <-> FOR ORDER BY float_ops;
SELECT pg_temp.valid('hnsw_options_no_support');
CREATE OPERATOR CLASS hnsw_options_pgvector FOR TYPE vector USING hnsw AS OPERATOR 1 <-> FOR ORDER BY float_ops, FUNCTION 1 vector_l2_squared_distance(vector, vector);
SELECT pg_temp.valid('hnsw_options_pgvector');
CREATE OPERATOR CLASS hnsw_options_strategy FOR TYPE vector USING hnsw AS OPERATOR 2 <-> FOR ORDER BY float_ops, FUNCTION 1 vecx_vector_l2_ops(internal);
SELECT pg_temp.valid('hnsw_options_strategy');
CREATE OPERATOR CLASS hnsw_options_search FOR TYPE vector USING hnsw AS OPERATOR 1 =, FUNCTION 1 vecx_vector_l2_ops(internal);
SELECT pg_temp.valid('hnsw_options_search');
CREATE OPERATOR CLASS hnsw_options_order FOR TYPE vector USING hnsw AS OPERATOR 1 <-> FOR ORDER BY integer_ops, FUNCTION 1 vecx_vector_l2_ops(internal);
SELECT pg_temp.valid('hnsw_options_order');
CREATE OPERATOR CLASS hnsw_options_number FOR TYPE vector USING hnsw AS FUNCTION 2 vecx_vector_l2_ops(internal);

-- An index needs a class of vecx: another function of that signature is noticed when it is asked.
CREATE OPERATOR CLASS hnsw_options_foreign FOR TYPE vector USING hnsw AS OPERATOR 1 <-> FOR ORDER BY float_ops, FUNCTION 1 vecx_vector_distance_support(internal);
SELECT pg_temp.valid('hnsw_options_foreign');
SELECT pg_temp.error_of('CREATE INDEX hnsw_options_index ON hnsw_options USING hnsw (v hnsw_options_foreign)');
SELECT pg_temp.error_of('CREATE INDEX hnsw_options_index ON hnsw_options USING hnsw (v hnsw_options_no_support)');

-- Support functions and the handler cannot be called.
SELECT pg_temp.error_of($$SELECT vecx_vector_l2_ops(NULL)$$);
SELECT pg_temp.error_of($$SELECT vecx_vector_l2_ops('1')$$);
SELECT pg_temp.error_of($$SELECT hnswhandler('1')$$);

DROP OPERATOR FAMILY hnsw_options_empty USING hnsw;
DROP OPERATOR FAMILY hnsw_options_no_support USING hnsw;
DROP OPERATOR FAMILY hnsw_options_pgvector USING hnsw;
DROP OPERATOR FAMILY hnsw_options_strategy USING hnsw;
DROP OPERATOR FAMILY hnsw_options_search USING hnsw;
DROP OPERATOR FAMILY hnsw_options_order USING hnsw;
DROP OPERATOR FAMILY hnsw_options_foreign USING hnsw;
DROP TABLE hnsw_options, hnsw_options_wide;
