-- Second part of loading the demonstration: images and labels become rows. See tools/demo.
BEGIN;
INSERT INTO garment SELECT id, class_id, embedding FROM train_image JOIN train_label USING (id) ORDER BY id;
INSERT INTO query SELECT id, class_id, embedding FROM query_image JOIN query_label USING (id) ORDER BY id;
DROP TABLE train_image, query_image, train_label, query_label;
COMMIT;
VACUUM (ANALYZE) class, garment, query;
