-- Rows closer together than copies in halves tell them apart: sound indexes, of which a check has nothing to say.
SET client_min_messages = warning;
SET ivfflat.probes = 10;
SET ivfpq.probes = 10;
CREATE TABLE check_close (id int, v vector(8));
INSERT INTO check_close SELECT i, ARRAY[500000 + i % 1000 * 3, 4649776 + i * 7 % 900, 100, 0, 0, 0, 0, 1]::vector FROM generate_series(1, 3000) i;
CREATE INDEX check_close_ivfflat ON check_close USING ivfflat (v vector_l2_ops) WITH (lists = 10);
CREATE INDEX check_close_ivfpq ON check_close USING ivfpq (v vector_cosine_ops) WITH (lists = 10);
CREATE INDEX check_close_hnsw ON check_close USING hnsw (v vector_l2_ops);
CREATE INDEX check_close_l1 ON check_close USING hnsw (v vector_l1_ops);
CREATE INDEX check_close_cosine ON check_close USING hnsw (v vector_cosine_ops);
SELECT relname, f.* FROM pg_class c, LATERAL vecx_check(c.oid, true, 100) f WHERE relname LIKE 'check\_close\_%';
DROP TABLE check_close;
