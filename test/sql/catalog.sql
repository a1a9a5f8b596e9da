-- What the extension leaves in the catalogs.
\getenv abs_srcdir PG_ABS_SRCDIR
\set error_of :abs_srcdir '/sql/error_of.psql'
\i :error_of

-- Its objects, by kind. From PostgreSQL 17 on array types are members of their own; here they are left out.
CREATE TEMP VIEW members AS
SELECT classid, objid, (pg_identify_object(classid, objid, 0)).type, (pg_identify_object(classid, objid, 0)).identity
FROM pg_depend WHERE refclassid = 'pg_extension'::regclass AND refobjid = (SELECT oid FROM pg_extension WHERE extname = 'vecx') AND deptype = 'e'
    AND NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = objid AND classid = 'pg_type'::regclass AND t.typcategory = 'A');
SELECT type, count(*) FROM members GROUP BY type ORDER BY type COLLATE "C";

-- The functions of pgvector 0.8.6, but for those of ivfflat and the support functions of its operator classes: each name with its
-- arguments and result.
CREATE TEMP TABLE contract (signature text);
COPY contract FROM STDIN;
vector_in(cstring,oid,integer) vector
vector_out(vector) cstring
vector_typmod_in(cstring[]) integer
vector_recv(internal,oid,integer) vector
vector_send(vector) bytea
l2_distance(vector,vector) double precision
inner_product(vector,vector) double precision
cosine_distance(vector,vector) double precision
l1_distance(vector,vector) double precision
vector_dims(vector) integer
vector_norm(vector) double precision
l2_normalize(vector) vector
binary_quantize(vector) bit
subvector(vector,integer,integer) vector
vector_add(vector,vector) vector
vector_sub(vector,vector) vector
vector_mul(vector,vector) vector
vector_concat(vector,vector) vector
vector_lt(vector,vector) boolean
vector_le(vector,vector) boolean
vector_eq(vector,vector) boolean
vector_ne(vector,vector) boolean
vector_ge(vector,vector) boolean
vector_gt(vector,vector) boolean
vector_cmp(vector,vector) integer
vector_l2_squared_distance(vector,vector) double precision
vector_negative_inner_product(vector,vector) double precision
vector_spherical_distance(vector,vector) double precision
vector_accum(double precision[],vector) double precision[]
vector_avg(double precision[]) vector
vector_combine(double precision[],double precision[]) double precision[]
vector(vector,integer,boolean) vector
array_to_vector(integer[],integer,boolean) vector
array_to_vector(real[],integer,boolean) vector
array_to_vector(double precision[],integer,boolean) vector
array_to_vector(numeric[],integer,boolean) vector
vector_to_float4(vector,integer,boolean) real[]
halfvec_in(cstring,oid,integer) halfvec
halfvec_out(halfvec) cstring
halfvec_typmod_in(cstring[]) integer
halfvec_recv(internal,oid,integer) halfvec
halfvec_send(halfvec) bytea
l2_distance(halfvec,halfvec) double precision
inner_product(halfvec,halfvec) double precision
cosine_distance(halfvec,halfvec) double precision
l1_distance(halfvec,halfvec) double precision
vector_dims(halfvec) integer
l2_norm(halfvec) double precision
l2_normalize(halfvec) halfvec
binary_quantize(halfvec) bit
subvector(halfvec,integer,integer) halfvec
halfvec_add(halfvec,halfvec) halfvec
halfvec_sub(halfvec,halfvec) halfvec
halfvec_mul(halfvec,halfvec) halfvec
halfvec_concat(halfvec,halfvec) halfvec
halfvec_lt(halfvec,halfvec) boolean
halfvec_le(halfvec,halfvec) boolean
halfvec_eq(halfvec,halfvec) boolean
halfvec_ne(halfvec,halfvec) boolean
halfvec_ge(halfvec,halfvec) boolean
halfvec_gt(halfvec,halfvec) boolean
halfvec_cmp(halfvec,halfvec) integer
halfvec_l2_squared_distance(halfvec,halfvec) double precision
halfvec_negative_inner_product(halfvec,halfvec) double precision
halfvec_spherical_distance(halfvec,halfvec) double precision
halfvec_accum(double precision[],halfvec) double precision[]
halfvec_avg(double precision[]) halfvec
halfvec_combine(double precision[],double precision[]) double precision[]
halfvec(halfvec,integer,boolean) halfvec
halfvec_to_vector(halfvec,integer,boolean) vector
vector_to_halfvec(vector,integer,boolean) halfvec
array_to_halfvec(integer[],integer,boolean) halfvec
array_to_halfvec(real[],integer,boolean) halfvec
array_to_halfvec(double precision[],integer,boolean) halfvec
array_to_halfvec(numeric[],integer,boolean) halfvec
halfvec_to_float4(halfvec,integer,boolean) real[]
hamming_distance(bit,bit) double precision
jaccard_distance(bit,bit) double precision
sparsevec_in(cstring,oid,integer) sparsevec
sparsevec_out(sparsevec) cstring
sparsevec_typmod_in(cstring[]) integer
sparsevec_recv(internal,oid,integer) sparsevec
sparsevec_send(sparsevec) bytea
l2_distance(sparsevec,sparsevec) double precision
inner_product(sparsevec,sparsevec) double precision
cosine_distance(sparsevec,sparsevec) double precision
l1_distance(sparsevec,sparsevec) double precision
l2_norm(sparsevec) double precision
l2_normalize(sparsevec) sparsevec
sparsevec_lt(sparsevec,sparsevec) boolean
sparsevec_le(sparsevec,sparsevec) boolean
sparsevec_eq(sparsevec,sparsevec) boolean
sparsevec_ne(sparsevec,sparsevec) boolean
sparsevec_ge(sparsevec,sparsevec) boolean
sparsevec_gt(sparsevec,sparsevec) boolean
sparsevec_cmp(sparsevec,sparsevec) integer
sparsevec_l2_squared_distance(sparsevec,sparsevec) double precision
sparsevec_negative_inner_product(sparsevec,sparsevec) double precision
hnswhandler(internal) index_am_handler
ivfflathandler(internal) index_am_handler
sparsevec(sparsevec,integer,boolean) sparsevec
vector_to_sparsevec(vector,integer,boolean) sparsevec
sparsevec_to_vector(sparsevec,integer,boolean) vector
halfvec_to_sparsevec(halfvec,integer,boolean) sparsevec
sparsevec_to_halfvec(sparsevec,integer,boolean) halfvec
array_to_sparsevec(integer[],integer,boolean) sparsevec
array_to_sparsevec(real[],integer,boolean) sparsevec
array_to_sparsevec(double precision[],integer,boolean) sparsevec
array_to_sparsevec(numeric[],integer,boolean) sparsevec
\.
CREATE TEMP VIEW functions AS
SELECT p.*, p.oid::regprocedure || ' ' || format_type(p.prorettype, NULL) AS signature
FROM pg_proc p JOIN members m ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid;
SELECT count(*) AS listed, count(f.signature) AS there FROM contract c LEFT JOIN functions f USING (signature);
SELECT c.signature AS missing FROM contract c LEFT JOIN functions f USING (signature) WHERE f.oid IS NULL;

-- What vecx has on top of them: new names, and the four aggregates, which are pgvector's too.
SELECT f.signature, f.prokind AS kind FROM functions f LEFT JOIN contract c USING (signature) WHERE c.signature IS NULL ORDER BY f.signature COLLATE "C";

-- Every function is in C, immutable, strict and parallel safe, but for those that read settings or look into indexes.
SELECT signature, provolatile, proisstrict, proparallel FROM functions
WHERE prokind = 'f' AND (provolatile, proisstrict, proparallel) IS DISTINCT FROM ('i', true, 's') ORDER BY signature COLLATE "C";
SELECT DISTINCT l.lanname, f.proisstrict, f.proparallel, f.provolatile, f.prokind FROM functions f JOIN pg_language l ON l.oid = f.prolang ORDER BY 1, 4;

-- None is leakproof, runs with the rights of its owner or has settings of its own; vecx_check is closed to the public.
SELECT signature FROM functions WHERE proleakproof OR prosecdef OR proconfig IS NOT NULL OR proacl IS NOT NULL;

-- Distances have their planner support and cost more than other functions.
SELECT prosupport, procost, count(*) FROM functions WHERE prosupport <> 0 OR procost <> 1 GROUP BY 1, 2 ORDER BY prosupport::text COLLATE "C";

-- Every object is commented, but for casts and operator families.
SELECT m.identity FROM members m
WHERE m.classid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_opclass'::regclass, 'pg_type'::regclass, 'pg_am'::regclass)
    AND obj_description(m.objid, m.classid::regclass::name) IS NULL
ORDER BY m.identity COLLATE "C";

-- Everything belongs to the extension: nothing in its schema or in pg_catalog mentions its types and is none of its members.
SELECT p.oid::regprocedure FROM pg_proc p
WHERE ARRAY['vector', 'halfvec', 'sparsevec']::regtype[]::oid[] && (p.proargtypes::oid[] || p.prorettype)
    AND NOT EXISTS (SELECT FROM members m WHERE m.classid = 'pg_proc'::regclass AND m.objid = p.oid) AND p.pronamespace <> pg_my_temp_schema();
SELECT count(*) FROM members m JOIN pg_proc p ON m.classid = 'pg_proc'::regclass AND m.objid = p.oid WHERE p.pronamespace = 'pg_catalog'::regnamespace;
SELECT count(*) FROM members m JOIN pg_type t ON m.classid = 'pg_type'::regclass AND m.objid = t.oid WHERE t.typnamespace = 'pg_catalog'::regnamespace;
SELECT count(*) FROM members m JOIN pg_operator o ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid WHERE o.oprnamespace = 'pg_catalog'::regnamespace;

-- The types: external storage, alignment of four bytes, modifiers in and not out, arrays with commas.
SELECT t.typname, t.typtype, t.typlen, t.typcategory, t.typispreferred AS preferred, t.typdelim, t.typalign, t.typstorage, t.typarray::regtype AS array,
    a.typname AS array_name, a.typdelim AS array_delim, t.typmodin, t.typmodout, t.typanalyze, t.typsubscript, t.typcollation
FROM pg_type t JOIN pg_type a ON a.oid = t.typarray WHERE t.typname IN ('vector', 'halfvec', 'sparsevec') AND t.typnamespace = (SELECT extnamespace FROM pg_extension WHERE extname = 'vecx') ORDER BY 1;
SELECT typname, typinput, typoutput, typreceive, typsend FROM pg_type WHERE oid IN ('vector'::regtype, 'halfvec'::regtype, 'sparsevec'::regtype) ORDER BY 1;

-- The operators, their commutators, negators and estimators.
SELECT o.oid::regoperator AS operator, o.oprcode::regproc AS function, nullif(o.oprcom, 0)::regoperator AS commutator, nullif(o.oprnegate, 0)::regoperator AS negator,
    nullif(o.oprrest, 0)::regproc AS restrict, nullif(o.oprjoin, 0)::regproc AS join, o.oprcanhash AS hashes, o.oprcanmerge AS merges
FROM pg_operator o JOIN members m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
ORDER BY o.oprleft::regtype::text COLLATE "C", o.oprright::regtype::text COLLATE "C", o.oprname COLLATE "C";

-- Commutators and negators go both ways, and no operator is a shell.
SELECT o.oid::regoperator FROM pg_operator o JOIN members m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
WHERE o.oprcode = 0 OR (o.oprcom <> 0 AND (SELECT c.oprcom FROM pg_operator c WHERE c.oid = o.oprcom) IS DISTINCT FROM o.oid)
    OR (o.oprnegate <> 0 AND (SELECT n.oprnegate FROM pg_operator n WHERE n.oid = o.oprnegate) IS DISTINCT FROM o.oid);

-- An operator without a commutator is one that does not commute.
SELECT o.oid::regoperator FROM pg_operator o JOIN members m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid WHERE o.oprcom = 0 ORDER BY o.oid::regoperator::text COLLATE "C";

-- No operator is defined between different vector types, nor with text: a literal stays without a doubt.
SELECT o.oid::regoperator FROM pg_operator o JOIN members m ON m.classid = 'pg_operator'::regclass AND m.objid = o.oid
WHERE o.oprleft <> o.oprright AND 'double precision'::regtype NOT IN (o.oprleft, o.oprright);

-- The operator classes, all of them valid. Those of btree and hash are the default of their type; a vector index wants its distance named.
SELECT c.opcname, am.amname, c.opcintype::regtype AS type, c.opcdefault AS "default", amvalidate(c.oid) AS valid
FROM pg_opclass c JOIN pg_am am ON am.oid = c.opcmethod JOIN members m ON m.classid = 'pg_opclass'::regclass AND m.objid = c.oid ORDER BY 2, 1;
SELECT am.amname, f.opfname, a.amopstrategy AS strategy, a.amopopr::regoperator AS operator, a.amoppurpose AS purpose
FROM pg_amop a JOIN pg_opfamily f ON f.oid = a.amopfamily JOIN pg_am am ON am.oid = f.opfmethod
WHERE f.opfname ~ '^(vector|halfvec|sparsevec)_ops$' ORDER BY 1, 2, 3;
SELECT am.amname, f.opfname, p.amprocnum AS support, p.amproc::regprocedure AS function
FROM pg_amproc p JOIN pg_opfamily f ON f.oid = p.amprocfamily JOIN pg_am am ON am.oid = f.opfmethod
WHERE f.opfname ~ '^(vector|halfvec|sparsevec)_ops$' ORDER BY 1, 2, 3;

-- Those of the vector indexes: a distance to order by, and a function that tells type and metric.
SELECT am.amname, f.opfname, a.amopstrategy AS strategy, a.amopopr::regoperator AS operator, a.amoppurpose AS purpose, s.opfname AS sorts, p.amprocnum AS support,
    p.amproc::regprocedure AS function
FROM pg_opfamily f JOIN pg_am am ON am.oid = f.opfmethod LEFT JOIN pg_amop a ON a.amopfamily = f.oid LEFT JOIN pg_opfamily s ON s.oid = a.amopsortfamily
    LEFT JOIN pg_amproc p ON p.amprocfamily = f.oid
WHERE am.amname IN ('hnsw', 'ivfflat', 'ivfpq') ORDER BY 1, 2, 3, 7;

-- The aggregates keep their state in an array and can be combined.
SELECT aggfnoid::regprocedure AS aggregate, aggtransfn, aggfinalfn, aggcombinefn, aggtranstype::regtype AS state, agginitval AS initial, proparallel AS parallel
FROM pg_aggregate JOIN functions f ON f.oid = aggfnoid ORDER BY aggfnoid::regprocedure::text COLLATE "C";

-- The functions in C come from the library of the extension, under names of its own.
SELECT count(*) FILTER (WHERE probin = '$libdir/vecx') AS library, count(*) FILTER (WHERE prosrc ~ '^vecx_') AS names, count(*) FROM functions WHERE prokind = 'f';

-- The internal ones cannot be called from SQL.
SELECT pg_temp.error_of($$SELECT vecx_vector_distance_support('x')$$) LIKE '42883%' OR pg_temp.error_of($$SELECT vecx_vector_distance_support('x')$$) LIKE '0A000%' AS refused;

-- The extension can be moved, is trusted, and has no configuration tables.
SELECT extrelocatable, extconfig FROM pg_extension WHERE extname = 'vecx';
SELECT name, superuser, trusted, relocatable, schema, requires FROM pg_available_extension_versions WHERE name = 'vecx' AND installed;
