-- The tables of the demonstration; see tools/demo. Vectors arrive in *_image, classes in *_label.
CREATE EXTENSION vecx;

CREATE TABLE class (id smallint PRIMARY KEY, name text NOT NULL UNIQUE);
INSERT INTO class VALUES
    (0, 'T-shirt/top'), (1, 'Trouser'), (2, 'Pullover'), (3, 'Dress'), (4, 'Coat'),
    (5, 'Sandal'), (6, 'Shirt'), (7, 'Sneaker'), (8, 'Bag'), (9, 'Ankle boot');

CREATE TABLE garment (
    id int PRIMARY KEY,
    class_id smallint NOT NULL REFERENCES class,
    embedding vector(784) NOT NULL
);
CREATE TABLE query (LIKE garment INCLUDING ALL, FOREIGN KEY (class_id) REFERENCES class);

-- Two vectors of 3 kB fit a page: kept in the table, they are read without a detour through TOAST,
-- and the table is large enough for a parallel plan.
ALTER TABLE garment ALTER COLUMN embedding SET STORAGE PLAIN;

CREATE UNLOGGED TABLE train_image (id int, embedding vector(784));
CREATE UNLOGGED TABLE query_image (id int, embedding vector(784));
CREATE UNLOGGED TABLE train_label (id int, class_id smallint);
CREATE UNLOGGED TABLE query_label (id int, class_id smallint);
