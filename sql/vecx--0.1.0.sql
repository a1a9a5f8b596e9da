-- Types, functions, operators, casts and access methods of vecx: every name of pgvector, and on top
-- cosine_similarity, scaling by a number, subscripts, hashing and the vecx_ functions.
\echo Use "CREATE EXTENSION vecx" to load this file. \quit

-- One clear error instead of the first name clash, where pgvector is in the database.
CREATE FUNCTION vecx_refuse_pgvector() RETURNS void
    AS 'MODULE_PATHNAME', 'vecx_refuse_pgvector' LANGUAGE C;
SELECT vecx_refuse_pgvector();
DROP FUNCTION vecx_refuse_pgvector();

-- About this installation

CREATE FUNCTION vecx_version() RETURNS text
    AS 'MODULE_PATHNAME', 'vecx_version' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_version() IS 'version of the vecx library';

CREATE FUNCTION vecx_build_info(OUT version text, OUT compiler text, OUT postgres text,
                                OUT simd text, OUT simd_available text)
    AS 'MODULE_PATHNAME', 'vecx_build_info' LANGUAGE C STABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_build_info() IS
    'how the library was built, the instruction set in use and those that this processor has';

-- Planner support: what a distance costs

CREATE FUNCTION vecx_vector_distance_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_vector_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_distance_support(internal)
    IS 'planner support for distances between vector values';

CREATE FUNCTION vecx_halfvec_distance_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_halfvec_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_distance_support(internal)
    IS 'planner support for distances between halfvec values';

CREATE FUNCTION vecx_sparsevec_distance_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_distance_support'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_sparsevec_distance_support(internal)
    IS 'planner support for distances between sparsevec values';

CREATE FUNCTION vecx_bit_distance_support(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_bit_distance_support' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_bit_distance_support(internal)
    IS 'planner support for distances between bit values';

-- Type vector

CREATE TYPE vector;

CREATE FUNCTION vector_in(cstring, oid, integer) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION vector_out(vector) RETURNS cstring
    AS 'MODULE_PATHNAME', 'vecx_vector_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_out(vector) IS 'I/O';

CREATE FUNCTION vector_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME', 'vecx_vector_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION vector_recv(internal, oid, integer) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION vector_send(vector) RETURNS bytea
    AS 'MODULE_PATHNAME', 'vecx_vector_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_send(vector) IS 'I/O';

CREATE FUNCTION vecx_vector_subscript(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_vector_subscript' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_subscript(internal)
    IS 'subscripting: vector[i] reads element i, from 1';

CREATE TYPE vector (
    INPUT = vector_in,
    OUTPUT = vector_out,
    TYPMOD_IN = vector_typmod_in,
    RECEIVE = vector_recv,
    SEND = vector_send,
    SUBSCRIPT = vecx_vector_subscript,
    STORAGE = external
);
COMMENT ON TYPE vector IS 'single-precision vector';

-- Type halfvec

CREATE TYPE halfvec;

CREATE FUNCTION halfvec_in(cstring, oid, integer) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION halfvec_out(halfvec) RETURNS cstring
    AS 'MODULE_PATHNAME', 'vecx_halfvec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_out(halfvec) IS 'I/O';

CREATE FUNCTION halfvec_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME', 'vecx_halfvec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION halfvec_recv(internal, oid, integer) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION halfvec_send(halfvec) RETURNS bytea
    AS 'MODULE_PATHNAME', 'vecx_halfvec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_send(halfvec) IS 'I/O';

CREATE FUNCTION vecx_halfvec_subscript(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_halfvec_subscript' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_subscript(internal)
    IS 'subscripting: halfvec[i] reads element i, from 1';

CREATE TYPE halfvec (
    INPUT = halfvec_in,
    OUTPUT = halfvec_out,
    TYPMOD_IN = halfvec_typmod_in,
    RECEIVE = halfvec_recv,
    SEND = halfvec_send,
    SUBSCRIPT = vecx_halfvec_subscript,
    STORAGE = external
);
COMMENT ON TYPE halfvec IS 'half-precision vector';

-- Type sparsevec

CREATE TYPE sparsevec;

CREATE FUNCTION sparsevec_in(cstring, oid, integer) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_in(cstring, oid, integer) IS 'I/O';

CREATE FUNCTION sparsevec_out(sparsevec) RETURNS cstring
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_out' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_out(sparsevec) IS 'I/O';

CREATE FUNCTION sparsevec_typmod_in(cstring[]) RETURNS integer
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_typmod_in' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_typmod_in(cstring[]) IS 'I/O typmod';

CREATE FUNCTION sparsevec_recv(internal, oid, integer) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_recv' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_recv(internal, oid, integer) IS 'I/O';

CREATE FUNCTION sparsevec_send(sparsevec) RETURNS bytea
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_send' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_send(sparsevec) IS 'I/O';

CREATE TYPE sparsevec (
    INPUT = sparsevec_in,
    OUTPUT = sparsevec_out,
    TYPMOD_IN = sparsevec_typmod_in,
    RECEIVE = sparsevec_recv,
    SEND = sparsevec_send,
    STORAGE = external
);
COMMENT ON TYPE sparsevec IS 'sparse vector';

-- Distances

CREATE FUNCTION l2_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION l2_distance(vector, vector) IS 'Euclidean distance';

CREATE FUNCTION inner_product(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION inner_product(vector, vector) IS 'inner product';

CREATE FUNCTION cosine_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION cosine_distance(vector, vector)
    IS 'cosine distance: 1 - cosine similarity; NaN where a vector is zero';

CREATE FUNCTION l1_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION l1_distance(vector, vector) IS 'taxicab distance';

CREATE FUNCTION cosine_similarity(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_cosine_similarity' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION cosine_similarity(vector, vector)
    IS 'cosine of the angle, from -1 to 1; NaN where a vector is zero';

CREATE FUNCTION vecx_l2_squared(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION vecx_l2_squared(vector, vector)
    IS 'squared Euclidean distance, as Faiss reports it';

CREATE FUNCTION vector_l2_squared_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION vector_l2_squared_distance(vector, vector)
    IS 'squared Euclidean distance, for operator classes';

CREATE FUNCTION vector_negative_inner_product(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_negative_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION vector_negative_inner_product(vector, vector)
    IS 'inner product times -1, for operator classes';

CREATE FUNCTION vector_spherical_distance(vector, vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_spherical_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_vector_distance_support;
COMMENT ON FUNCTION vector_spherical_distance(vector, vector)
    IS 'angle between unit vectors as a part of pi, for operator classes';

CREATE FUNCTION l2_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION l2_distance(halfvec, halfvec) IS 'Euclidean distance';

CREATE FUNCTION inner_product(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION inner_product(halfvec, halfvec) IS 'inner product';

CREATE FUNCTION cosine_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION cosine_distance(halfvec, halfvec)
    IS 'cosine distance: 1 - cosine similarity; NaN where a vector is zero';

CREATE FUNCTION l1_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION l1_distance(halfvec, halfvec) IS 'taxicab distance';

CREATE FUNCTION cosine_similarity(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_cosine_similarity' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION cosine_similarity(halfvec, halfvec)
    IS 'cosine of the angle, from -1 to 1; NaN where a vector is zero';

CREATE FUNCTION vecx_l2_squared(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION vecx_l2_squared(halfvec, halfvec)
    IS 'squared Euclidean distance, as Faiss reports it';

CREATE FUNCTION halfvec_l2_squared_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION halfvec_l2_squared_distance(halfvec, halfvec)
    IS 'squared Euclidean distance, for operator classes';

CREATE FUNCTION halfvec_negative_inner_product(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_negative_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION halfvec_negative_inner_product(halfvec, halfvec)
    IS 'inner product times -1, for operator classes';

CREATE FUNCTION halfvec_spherical_distance(halfvec, halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_spherical_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_halfvec_distance_support;
COMMENT ON FUNCTION halfvec_spherical_distance(halfvec, halfvec)
    IS 'angle between unit vectors as a part of pi, for operator classes';

CREATE FUNCTION l2_distance(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_l2_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION l2_distance(sparsevec, sparsevec) IS 'Euclidean distance';

CREATE FUNCTION inner_product(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_inner_product' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION inner_product(sparsevec, sparsevec) IS 'inner product';

CREATE FUNCTION cosine_distance(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_cosine_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION cosine_distance(sparsevec, sparsevec)
    IS 'cosine distance: 1 - cosine similarity; NaN where a vector is zero';

CREATE FUNCTION l1_distance(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_l1_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION l1_distance(sparsevec, sparsevec) IS 'taxicab distance';

CREATE FUNCTION cosine_similarity(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_cosine_similarity'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION cosine_similarity(sparsevec, sparsevec)
    IS 'cosine of the angle, from -1 to 1; NaN where a vector is zero';

CREATE FUNCTION vecx_l2_squared(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION vecx_l2_squared(sparsevec, sparsevec)
    IS 'squared Euclidean distance, as Faiss reports it';

CREATE FUNCTION sparsevec_l2_squared_distance(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_l2_squared_distance'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION sparsevec_l2_squared_distance(sparsevec, sparsevec)
    IS 'squared Euclidean distance, for operator classes';

CREATE FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_negative_inner_product'
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_sparsevec_distance_support;
COMMENT ON FUNCTION sparsevec_negative_inner_product(sparsevec, sparsevec)
    IS 'inner product times -1, for operator classes';

CREATE FUNCTION hamming_distance(bit, bit) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_hamming_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_bit_distance_support;
COMMENT ON FUNCTION hamming_distance(bit, bit) IS 'number of bits that differ';

CREATE FUNCTION jaccard_distance(bit, bit) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_jaccard_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE
    COST 10 SUPPORT vecx_bit_distance_support;
COMMENT ON FUNCTION jaccard_distance(bit, bit) IS '1 - bits in both / bits in either';

-- Dimensions, norms, parts

CREATE FUNCTION vector_dims(vector) RETURNS integer
    AS 'MODULE_PATHNAME', 'vecx_vector_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_dims(vector) IS 'number of dimensions';

CREATE FUNCTION vector_norm(vector) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_vector_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_norm(vector) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(vector) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_normalize(vector)
    IS 'vector of the same direction with norm 1; the zero vector stays zero';

CREATE FUNCTION binary_quantize(vector) RETURNS bit
    AS 'MODULE_PATHNAME', 'vecx_vector_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION binary_quantize(vector) IS 'a bit for each element, set where it is above zero';

CREATE FUNCTION subvector(vector, integer, integer) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION subvector(vector, integer, integer)
    IS 'count elements from position start, which counts from 1';

CREATE FUNCTION vector_dims(halfvec) RETURNS integer
    AS 'MODULE_PATHNAME', 'vecx_halfvec_dims' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_dims(halfvec) IS 'number of dimensions';

CREATE FUNCTION l2_norm(halfvec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_norm(halfvec) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(halfvec) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_normalize(halfvec)
    IS 'vector of the same direction with norm 1; the zero vector stays zero';

CREATE FUNCTION binary_quantize(halfvec) RETURNS bit
    AS 'MODULE_PATHNAME', 'vecx_halfvec_binary_quantize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION binary_quantize(halfvec)
    IS 'a bit for each element, set where it is above zero';

CREATE FUNCTION subvector(halfvec, integer, integer) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_subvector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION subvector(halfvec, integer, integer)
    IS 'count elements from position start, which counts from 1';

CREATE FUNCTION l2_norm(sparsevec) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_norm' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_norm(sparsevec) IS 'Euclidean norm';

CREATE FUNCTION l2_normalize(sparsevec) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_l2_normalize' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION l2_normalize(sparsevec)
    IS 'vector of the same direction with norm 1; the zero vector stays zero';

-- Arithmetic

CREATE FUNCTION vector_add(vector, vector) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_add(vector, vector) IS 'elementwise sum';

CREATE FUNCTION vector_sub(vector, vector) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_sub(vector, vector) IS 'elementwise difference';

CREATE FUNCTION vector_mul(vector, vector) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_mul(vector, vector) IS 'elementwise product';

CREATE FUNCTION vector_concat(vector, vector) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_concat(vector, vector) IS 'the elements of both, one after the other';

CREATE FUNCTION vecx_scale(vector, float8) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_scale' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_scale(vector, float8) IS 'each element times a number';

CREATE FUNCTION vecx_scale(float8, vector) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_scale_left' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_scale(float8, vector) IS 'a number times each element';

CREATE FUNCTION vecx_divide(vector, float8) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_divide' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_divide(vector, float8) IS 'each element divided by a number';

CREATE FUNCTION halfvec_add(halfvec, halfvec) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_add' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_add(halfvec, halfvec) IS 'elementwise sum';

CREATE FUNCTION halfvec_sub(halfvec, halfvec) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_sub' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_sub(halfvec, halfvec) IS 'elementwise difference';

CREATE FUNCTION halfvec_mul(halfvec, halfvec) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_mul' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_mul(halfvec, halfvec) IS 'elementwise product';

CREATE FUNCTION halfvec_concat(halfvec, halfvec) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_concat' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_concat(halfvec, halfvec) IS 'the elements of both, one after the other';

CREATE FUNCTION vecx_scale(halfvec, float8) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_scale' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_scale(halfvec, float8) IS 'each element times a number';

CREATE FUNCTION vecx_scale(float8, halfvec) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_scale_left' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_scale(float8, halfvec) IS 'a number times each element';

CREATE FUNCTION vecx_divide(halfvec, float8) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_divide' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_divide(halfvec, float8) IS 'each element divided by a number';

-- Comparison and hashing

CREATE FUNCTION vector_lt(vector, vector) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_vector_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_lt(vector, vector) IS 'less than';

CREATE FUNCTION vector_le(vector, vector) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_vector_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_le(vector, vector) IS 'less than or equal';

CREATE FUNCTION vector_eq(vector, vector) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_vector_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_eq(vector, vector) IS 'equal';

CREATE FUNCTION vector_ne(vector, vector) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_vector_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_ne(vector, vector) IS 'not equal';

CREATE FUNCTION vector_ge(vector, vector) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_vector_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_ge(vector, vector) IS 'greater than or equal';

CREATE FUNCTION vector_gt(vector, vector) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_vector_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_gt(vector, vector) IS 'greater than';

CREATE FUNCTION vector_cmp(vector, vector) RETURNS int4
    AS 'MODULE_PATHNAME', 'vecx_vector_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_cmp(vector, vector) IS 'btree comparison: -1, 0 or 1';

CREATE FUNCTION vecx_vector_hash(vector) RETURNS int4
    AS 'MODULE_PATHNAME', 'vecx_vector_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_hash(vector) IS 'hash';

CREATE FUNCTION vecx_vector_hash_extended(vector, int8) RETURNS int8
    AS 'MODULE_PATHNAME', 'vecx_vector_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_hash_extended(vector, int8) IS 'hash with a seed';

CREATE FUNCTION halfvec_lt(halfvec, halfvec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_halfvec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_lt(halfvec, halfvec) IS 'less than';

CREATE FUNCTION halfvec_le(halfvec, halfvec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_halfvec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_le(halfvec, halfvec) IS 'less than or equal';

CREATE FUNCTION halfvec_eq(halfvec, halfvec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_halfvec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_eq(halfvec, halfvec) IS 'equal';

CREATE FUNCTION halfvec_ne(halfvec, halfvec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_halfvec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_ne(halfvec, halfvec) IS 'not equal';

CREATE FUNCTION halfvec_ge(halfvec, halfvec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_halfvec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_ge(halfvec, halfvec) IS 'greater than or equal';

CREATE FUNCTION halfvec_gt(halfvec, halfvec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_halfvec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_gt(halfvec, halfvec) IS 'greater than';

CREATE FUNCTION halfvec_cmp(halfvec, halfvec) RETURNS int4
    AS 'MODULE_PATHNAME', 'vecx_halfvec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_cmp(halfvec, halfvec) IS 'btree comparison: -1, 0 or 1';

CREATE FUNCTION vecx_halfvec_hash(halfvec) RETURNS int4
    AS 'MODULE_PATHNAME', 'vecx_halfvec_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_hash(halfvec) IS 'hash';

CREATE FUNCTION vecx_halfvec_hash_extended(halfvec, int8) RETURNS int8
    AS 'MODULE_PATHNAME', 'vecx_halfvec_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_hash_extended(halfvec, int8) IS 'hash with a seed';

CREATE FUNCTION sparsevec_lt(sparsevec, sparsevec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_lt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_lt(sparsevec, sparsevec) IS 'less than';

CREATE FUNCTION sparsevec_le(sparsevec, sparsevec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_le' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_le(sparsevec, sparsevec) IS 'less than or equal';

CREATE FUNCTION sparsevec_eq(sparsevec, sparsevec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_eq' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_eq(sparsevec, sparsevec) IS 'equal';

CREATE FUNCTION sparsevec_ne(sparsevec, sparsevec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_ne' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_ne(sparsevec, sparsevec) IS 'not equal';

CREATE FUNCTION sparsevec_ge(sparsevec, sparsevec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_ge' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_ge(sparsevec, sparsevec) IS 'greater than or equal';

CREATE FUNCTION sparsevec_gt(sparsevec, sparsevec) RETURNS bool
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_gt' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_gt(sparsevec, sparsevec) IS 'greater than';

CREATE FUNCTION sparsevec_cmp(sparsevec, sparsevec) RETURNS int4
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_cmp' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_cmp(sparsevec, sparsevec) IS 'btree comparison: -1, 0 or 1';

CREATE FUNCTION vecx_sparsevec_hash(sparsevec) RETURNS int4
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_hash' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_sparsevec_hash(sparsevec) IS 'hash';

CREATE FUNCTION vecx_sparsevec_hash_extended(sparsevec, int8) RETURNS int8
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_hash_extended' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_sparsevec_hash_extended(sparsevec, int8) IS 'hash with a seed';

-- Aggregates

CREATE FUNCTION vector_accum(float8[], vector) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'vecx_vector_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_accum(float8[], vector) IS 'transition function of avg';

CREATE FUNCTION vector_avg(float8[]) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_avg(float8[]) IS 'final function of avg';

CREATE FUNCTION vector_combine(float8[], float8[]) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'vecx_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_combine(float8[], float8[]) IS 'combine function of avg';

CREATE AGGREGATE avg(vector) (
    SFUNC = vector_accum,
    STYPE = float8[],
    FINALFUNC = vector_avg,
    COMBINEFUNC = vector_combine,
    INITCOND = '{0}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(vector) IS 'elementwise mean';

CREATE AGGREGATE sum(vector) (
    SFUNC = vector_add,
    STYPE = vector,
    COMBINEFUNC = vector_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(vector) IS 'elementwise sum';

CREATE FUNCTION halfvec_accum(float8[], halfvec) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'vecx_halfvec_accum' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_accum(float8[], halfvec) IS 'transition function of avg';

CREATE FUNCTION halfvec_avg(float8[]) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_avg' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_avg(float8[]) IS 'final function of avg';

CREATE FUNCTION halfvec_combine(float8[], float8[]) RETURNS float8[]
    AS 'MODULE_PATHNAME', 'vecx_vector_combine' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_combine(float8[], float8[]) IS 'combine function of avg';

CREATE AGGREGATE avg(halfvec) (
    SFUNC = halfvec_accum,
    STYPE = float8[],
    FINALFUNC = halfvec_avg,
    COMBINEFUNC = halfvec_combine,
    INITCOND = '{0}',
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE avg(halfvec) IS 'elementwise mean';

CREATE AGGREGATE sum(halfvec) (
    SFUNC = halfvec_add,
    STYPE = halfvec,
    COMBINEFUNC = halfvec_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE sum(halfvec) IS 'elementwise sum';

-- Casts

CREATE FUNCTION vector(vector, integer, boolean) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector(vector, integer, boolean) IS 'applies a type modifier';

CREATE FUNCTION halfvec(halfvec, integer, boolean) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec(halfvec, integer, boolean) IS 'applies a type modifier';

CREATE FUNCTION sparsevec(sparsevec, integer, boolean) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec(sparsevec, integer, boolean) IS 'applies a type modifier';

CREATE FUNCTION array_to_vector(integer[], integer, boolean) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(integer[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_vector(real[], integer, boolean) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(real[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_vector(double precision[], integer, boolean) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(double precision[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_vector(numeric[], integer, boolean) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_array_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_vector(numeric[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_halfvec(integer[], integer, boolean) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(integer[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_halfvec(real[], integer, boolean) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(real[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_halfvec(double precision[], integer, boolean) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(double precision[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_halfvec(numeric[], integer, boolean) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_array_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_halfvec(numeric[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_sparsevec(integer[], integer, boolean) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_sparsevec(integer[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_sparsevec(real[], integer, boolean) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_sparsevec(real[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_sparsevec(double precision[], integer, boolean) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_sparsevec(double precision[], integer, boolean) IS 'from an array';

CREATE FUNCTION array_to_sparsevec(numeric[], integer, boolean) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_array_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION array_to_sparsevec(numeric[], integer, boolean) IS 'from an array';

CREATE FUNCTION vector_to_float4(vector, integer, boolean) RETURNS real[]
    AS 'MODULE_PATHNAME', 'vecx_vector_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_float4(vector, integer, boolean) IS 'from vector to real[]';

CREATE FUNCTION halfvec_to_float4(halfvec, integer, boolean) RETURNS real[]
    AS 'MODULE_PATHNAME', 'vecx_halfvec_to_float4' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_float4(halfvec, integer, boolean) IS 'from halfvec to real[]';

CREATE FUNCTION vector_to_halfvec(vector, integer, boolean) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_vector_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_halfvec(vector, integer, boolean) IS 'from vector to halfvec';

CREATE FUNCTION vector_to_sparsevec(vector, integer, boolean) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_vector_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vector_to_sparsevec(vector, integer, boolean) IS 'from vector to sparsevec';

CREATE FUNCTION halfvec_to_vector(halfvec, integer, boolean) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_halfvec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_vector(halfvec, integer, boolean) IS 'from halfvec to vector';

CREATE FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) RETURNS sparsevec
    AS 'MODULE_PATHNAME', 'vecx_halfvec_to_sparsevec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) IS 'from halfvec to sparsevec';

CREATE FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_to_vector' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) IS 'from sparsevec to vector';

CREATE FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) RETURNS halfvec
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_to_halfvec' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean)
    IS 'from sparsevec to halfvec';

CREATE CAST (vector AS vector) WITH FUNCTION vector(vector, integer, boolean) AS IMPLICIT;
CREATE CAST (halfvec AS halfvec) WITH FUNCTION halfvec(halfvec, integer, boolean) AS IMPLICIT;
CREATE CAST (sparsevec AS sparsevec) WITH FUNCTION sparsevec(sparsevec, integer, boolean) AS IMPLICIT;
CREATE CAST (vector AS real[])
    WITH FUNCTION vector_to_float4(vector, integer, boolean) AS IMPLICIT;
CREATE CAST (halfvec AS real[])
    WITH FUNCTION halfvec_to_float4(halfvec, integer, boolean) AS ASSIGNMENT;
CREATE CAST (vector AS halfvec)
    WITH FUNCTION vector_to_halfvec(vector, integer, boolean) AS IMPLICIT;
CREATE CAST (vector AS sparsevec)
    WITH FUNCTION vector_to_sparsevec(vector, integer, boolean) AS IMPLICIT;
CREATE CAST (halfvec AS vector)
    WITH FUNCTION halfvec_to_vector(halfvec, integer, boolean) AS ASSIGNMENT;
CREATE CAST (halfvec AS sparsevec)
    WITH FUNCTION halfvec_to_sparsevec(halfvec, integer, boolean) AS IMPLICIT;
CREATE CAST (sparsevec AS vector)
    WITH FUNCTION sparsevec_to_vector(sparsevec, integer, boolean) AS ASSIGNMENT;
CREATE CAST (sparsevec AS halfvec)
    WITH FUNCTION sparsevec_to_halfvec(sparsevec, integer, boolean) AS ASSIGNMENT;
CREATE CAST (integer[] AS vector)
    WITH FUNCTION array_to_vector(integer[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (real[] AS vector)
    WITH FUNCTION array_to_vector(real[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (double precision[] AS vector)
    WITH FUNCTION array_to_vector(double precision[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (numeric[] AS vector)
    WITH FUNCTION array_to_vector(numeric[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (integer[] AS halfvec)
    WITH FUNCTION array_to_halfvec(integer[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (real[] AS halfvec)
    WITH FUNCTION array_to_halfvec(real[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (double precision[] AS halfvec)
    WITH FUNCTION array_to_halfvec(double precision[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (numeric[] AS halfvec)
    WITH FUNCTION array_to_halfvec(numeric[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (integer[] AS sparsevec)
    WITH FUNCTION array_to_sparsevec(integer[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (real[] AS sparsevec)
    WITH FUNCTION array_to_sparsevec(real[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (double precision[] AS sparsevec)
    WITH FUNCTION array_to_sparsevec(double precision[], integer, boolean) AS ASSIGNMENT;
CREATE CAST (numeric[] AS sparsevec)
    WITH FUNCTION array_to_sparsevec(numeric[], integer, boolean) AS ASSIGNMENT;

-- Operators

CREATE OPERATOR <-> (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = l2_distance,
    COMMUTATOR = <->
);
COMMENT ON OPERATOR <-> (vector, vector) IS 'Euclidean distance';

CREATE OPERATOR <#> (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_negative_inner_product,
    COMMUTATOR = <#>
);
COMMENT ON OPERATOR <#> (vector, vector) IS 'inner product times -1';

CREATE OPERATOR <=> (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = cosine_distance,
    COMMUTATOR = <=>
);
COMMENT ON OPERATOR <=> (vector, vector) IS 'cosine distance';

CREATE OPERATOR <+> (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = l1_distance,
    COMMUTATOR = <+>
);
COMMENT ON OPERATOR <+> (vector, vector) IS 'taxicab distance';

CREATE OPERATOR <-> (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = l2_distance,
    COMMUTATOR = <->
);
COMMENT ON OPERATOR <-> (halfvec, halfvec) IS 'Euclidean distance';

CREATE OPERATOR <#> (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_negative_inner_product,
    COMMUTATOR = <#>
);
COMMENT ON OPERATOR <#> (halfvec, halfvec) IS 'inner product times -1';

CREATE OPERATOR <=> (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = cosine_distance,
    COMMUTATOR = <=>
);
COMMENT ON OPERATOR <=> (halfvec, halfvec) IS 'cosine distance';

CREATE OPERATOR <+> (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = l1_distance,
    COMMUTATOR = <+>
);
COMMENT ON OPERATOR <+> (halfvec, halfvec) IS 'taxicab distance';

CREATE OPERATOR <-> (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = l2_distance,
    COMMUTATOR = <->
);
COMMENT ON OPERATOR <-> (sparsevec, sparsevec) IS 'Euclidean distance';

CREATE OPERATOR <#> (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = sparsevec_negative_inner_product,
    COMMUTATOR = <#>
);
COMMENT ON OPERATOR <#> (sparsevec, sparsevec) IS 'inner product times -1';

CREATE OPERATOR <=> (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = cosine_distance,
    COMMUTATOR = <=>
);
COMMENT ON OPERATOR <=> (sparsevec, sparsevec) IS 'cosine distance';

CREATE OPERATOR <+> (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = l1_distance,
    COMMUTATOR = <+>
);
COMMENT ON OPERATOR <+> (sparsevec, sparsevec) IS 'taxicab distance';

CREATE OPERATOR <~> (
    LEFTARG = bit,
    RIGHTARG = bit,
    FUNCTION = hamming_distance,
    COMMUTATOR = <~>
);
COMMENT ON OPERATOR <~> (bit, bit) IS 'number of bits that differ';

CREATE OPERATOR <%> (
    LEFTARG = bit,
    RIGHTARG = bit,
    FUNCTION = jaccard_distance,
    COMMUTATOR = <%>
);
COMMENT ON OPERATOR <%> (bit, bit) IS 'Jaccard distance';

CREATE OPERATOR + (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_add,
    COMMUTATOR = +
);
COMMENT ON OPERATOR + (vector, vector) IS 'elementwise sum';

CREATE OPERATOR - (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_sub
);
COMMENT ON OPERATOR - (vector, vector) IS 'elementwise difference';

CREATE OPERATOR * (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_mul,
    COMMUTATOR = *
);
COMMENT ON OPERATOR * (vector, vector) IS 'elementwise product';

CREATE OPERATOR || (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_concat
);
COMMENT ON OPERATOR || (vector, vector) IS 'concatenation';

CREATE OPERATOR * (
    LEFTARG = vector,
    RIGHTARG = float8,
    FUNCTION = vecx_scale,
    COMMUTATOR = *
);
COMMENT ON OPERATOR * (vector, float8) IS 'each element times a number';

CREATE OPERATOR * (
    LEFTARG = float8,
    RIGHTARG = vector,
    FUNCTION = vecx_scale,
    COMMUTATOR = *
);
COMMENT ON OPERATOR * (float8, vector) IS 'a number times each element';

CREATE OPERATOR / (
    LEFTARG = vector,
    RIGHTARG = float8,
    FUNCTION = vecx_divide
);
COMMENT ON OPERATOR / (vector, float8) IS 'each element divided by a number';

CREATE OPERATOR + (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_add,
    COMMUTATOR = +
);
COMMENT ON OPERATOR + (halfvec, halfvec) IS 'elementwise sum';

CREATE OPERATOR - (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_sub
);
COMMENT ON OPERATOR - (halfvec, halfvec) IS 'elementwise difference';

CREATE OPERATOR * (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_mul,
    COMMUTATOR = *
);
COMMENT ON OPERATOR * (halfvec, halfvec) IS 'elementwise product';

CREATE OPERATOR || (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_concat
);
COMMENT ON OPERATOR || (halfvec, halfvec) IS 'concatenation';

CREATE OPERATOR * (
    LEFTARG = halfvec,
    RIGHTARG = float8,
    FUNCTION = vecx_scale,
    COMMUTATOR = *
);
COMMENT ON OPERATOR * (halfvec, float8) IS 'each element times a number';

CREATE OPERATOR * (
    LEFTARG = float8,
    RIGHTARG = halfvec,
    FUNCTION = vecx_scale,
    COMMUTATOR = *
);
COMMENT ON OPERATOR * (float8, halfvec) IS 'a number times each element';

CREATE OPERATOR / (
    LEFTARG = halfvec,
    RIGHTARG = float8,
    FUNCTION = vecx_divide
);
COMMENT ON OPERATOR / (halfvec, float8) IS 'each element divided by a number';

CREATE OPERATOR < (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_lt,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = scalarltsel,
    JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (vector, vector) IS 'less than';

CREATE OPERATOR <= (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_le,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = scalarlesel,
    JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (vector, vector) IS 'less than or equal';

CREATE OPERATOR = (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES,
    MERGES
);
COMMENT ON OPERATOR = (vector, vector) IS 'equal';

CREATE OPERATOR <> (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (vector, vector) IS 'not equal';

CREATE OPERATOR >= (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_ge,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = scalargesel,
    JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (vector, vector) IS 'greater than or equal';

CREATE OPERATOR > (
    LEFTARG = vector,
    RIGHTARG = vector,
    FUNCTION = vector_gt,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = scalargtsel,
    JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (vector, vector) IS 'greater than';

CREATE OPERATOR < (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_lt,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = scalarltsel,
    JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (halfvec, halfvec) IS 'less than';

CREATE OPERATOR <= (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_le,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = scalarlesel,
    JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (halfvec, halfvec) IS 'less than or equal';

CREATE OPERATOR = (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES,
    MERGES
);
COMMENT ON OPERATOR = (halfvec, halfvec) IS 'equal';

CREATE OPERATOR <> (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (halfvec, halfvec) IS 'not equal';

CREATE OPERATOR >= (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_ge,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = scalargesel,
    JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (halfvec, halfvec) IS 'greater than or equal';

CREATE OPERATOR > (
    LEFTARG = halfvec,
    RIGHTARG = halfvec,
    FUNCTION = halfvec_gt,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = scalargtsel,
    JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (halfvec, halfvec) IS 'greater than';

CREATE OPERATOR < (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = sparsevec_lt,
    COMMUTATOR = >,
    NEGATOR = >=,
    RESTRICT = scalarltsel,
    JOIN = scalarltjoinsel
);
COMMENT ON OPERATOR < (sparsevec, sparsevec) IS 'less than';

CREATE OPERATOR <= (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = sparsevec_le,
    COMMUTATOR = >=,
    NEGATOR = >,
    RESTRICT = scalarlesel,
    JOIN = scalarlejoinsel
);
COMMENT ON OPERATOR <= (sparsevec, sparsevec) IS 'less than or equal';

CREATE OPERATOR = (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = sparsevec_eq,
    COMMUTATOR = =,
    NEGATOR = <>,
    RESTRICT = eqsel,
    JOIN = eqjoinsel,
    HASHES,
    MERGES
);
COMMENT ON OPERATOR = (sparsevec, sparsevec) IS 'equal';

CREATE OPERATOR <> (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = sparsevec_ne,
    COMMUTATOR = <>,
    NEGATOR = =,
    RESTRICT = neqsel,
    JOIN = neqjoinsel
);
COMMENT ON OPERATOR <> (sparsevec, sparsevec) IS 'not equal';

CREATE OPERATOR >= (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = sparsevec_ge,
    COMMUTATOR = <=,
    NEGATOR = <,
    RESTRICT = scalargesel,
    JOIN = scalargejoinsel
);
COMMENT ON OPERATOR >= (sparsevec, sparsevec) IS 'greater than or equal';

CREATE OPERATOR > (
    LEFTARG = sparsevec,
    RIGHTARG = sparsevec,
    FUNCTION = sparsevec_gt,
    COMMUTATOR = <,
    NEGATOR = <=,
    RESTRICT = scalargtsel,
    JOIN = scalargtjoinsel
);
COMMENT ON OPERATOR > (sparsevec, sparsevec) IS 'greater than';

-- Operator classes

CREATE OPERATOR CLASS vector_ops
    DEFAULT FOR TYPE vector USING btree AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 vector_cmp(vector, vector);
COMMENT ON OPERATOR CLASS vector_ops USING btree IS 'element by element, then the shorter first';

CREATE OPERATOR CLASS vector_ops
    DEFAULT FOR TYPE vector USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 vecx_vector_hash(vector),
    FUNCTION 2 vecx_vector_hash_extended(vector, int8);
COMMENT ON OPERATOR CLASS vector_ops USING hash IS 'equality';

CREATE OPERATOR CLASS halfvec_ops
    DEFAULT FOR TYPE halfvec USING btree AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 halfvec_cmp(halfvec, halfvec);
COMMENT ON OPERATOR CLASS halfvec_ops USING btree IS 'element by element, then the shorter first';

CREATE OPERATOR CLASS halfvec_ops
    DEFAULT FOR TYPE halfvec USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 vecx_halfvec_hash(halfvec),
    FUNCTION 2 vecx_halfvec_hash_extended(halfvec, int8);
COMMENT ON OPERATOR CLASS halfvec_ops USING hash IS 'equality';

CREATE OPERATOR CLASS sparsevec_ops
    DEFAULT FOR TYPE sparsevec USING btree AS
    OPERATOR 1 <,
    OPERATOR 2 <=,
    OPERATOR 3 =,
    OPERATOR 4 >=,
    OPERATOR 5 >,
    FUNCTION 1 sparsevec_cmp(sparsevec, sparsevec);
COMMENT ON OPERATOR CLASS sparsevec_ops USING btree IS 'element by element, then the shorter first';

CREATE OPERATOR CLASS sparsevec_ops
    DEFAULT FOR TYPE sparsevec USING hash AS
    OPERATOR 1 =,
    FUNCTION 1 vecx_sparsevec_hash(sparsevec),
    FUNCTION 2 vecx_sparsevec_hash_extended(sparsevec, int8);
COMMENT ON OPERATOR CLASS sparsevec_ops USING hash IS 'equality';

-- Access method hnsw: a graph, searched from neighbor to neighbor

CREATE FUNCTION hnswhandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vecx_hnsw_handler' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION hnswhandler(internal) IS 'hnsw index access method handler';

CREATE ACCESS METHOD hnsw TYPE INDEX HANDLER hnswhandler;
COMMENT ON ACCESS METHOD hnsw IS 'graph of nearest neighbors, for ORDER BY distance LIMIT';

-- Access methods ivfflat and ivfpq: inverted lists, of which the nearest are searched

CREATE FUNCTION ivfflathandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vecx_ivfflat_handler' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ivfflathandler(internal) IS 'ivfflat index access method handler';

CREATE ACCESS METHOD ivfflat TYPE INDEX HANDLER ivfflathandler;
COMMENT ON ACCESS METHOD ivfflat IS 'inverted lists of vectors, for ORDER BY distance LIMIT';

CREATE FUNCTION ivfpqhandler(internal) RETURNS index_am_handler
    AS 'MODULE_PATHNAME', 'vecx_ivfpq_handler' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION ivfpqhandler(internal) IS 'ivfpq index access method handler';

CREATE ACCESS METHOD ivfpq TYPE INDEX HANDLER ivfpqhandler;
COMMENT ON ACCESS METHOD ivfpq IS 'inverted lists of quantized vectors, for ORDER BY distance LIMIT';

-- Operator classes of the vector indexes. Support function 1 tells type and metric.

CREATE FUNCTION vecx_vector_l2_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_vector_l2_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_l2_ops(internal)
    IS 'index support for the Euclidean distance between vector values';
CREATE OPERATOR CLASS vector_l2_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_l2_ops(internal);
COMMENT ON OPERATOR CLASS vector_l2_ops USING hnsw IS 'Euclidean distance';

CREATE FUNCTION vecx_vector_ip_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_vector_ip_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_ip_ops(internal)
    IS 'index support for the negative inner product between vector values';
CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_ip_ops(internal);
COMMENT ON OPERATOR CLASS vector_ip_ops USING hnsw IS 'negative inner product';

CREATE FUNCTION vecx_vector_cosine_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_vector_cosine_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_cosine_ops(internal)
    IS 'index support for the cosine distance between vector values';
CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_cosine_ops(internal);
COMMENT ON OPERATOR CLASS vector_cosine_ops USING hnsw IS 'cosine distance';

CREATE FUNCTION vecx_vector_l1_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_vector_l1_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_vector_l1_ops(internal)
    IS 'index support for the taxicab distance between vector values';
CREATE OPERATOR CLASS vector_l1_ops
    FOR TYPE vector USING hnsw AS
    OPERATOR 1 <+> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_l1_ops(internal);
COMMENT ON OPERATOR CLASS vector_l1_ops USING hnsw IS 'taxicab distance';

CREATE FUNCTION vecx_halfvec_l2_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_halfvec_l2_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_l2_ops(internal)
    IS 'index support for the Euclidean distance between halfvec values';
CREATE OPERATOR CLASS halfvec_l2_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_l2_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_l2_ops USING hnsw IS 'Euclidean distance';

CREATE FUNCTION vecx_halfvec_ip_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_halfvec_ip_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_ip_ops(internal)
    IS 'index support for the negative inner product between halfvec values';
CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_ip_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_ip_ops USING hnsw IS 'negative inner product';

CREATE FUNCTION vecx_halfvec_cosine_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_halfvec_cosine_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_cosine_ops(internal)
    IS 'index support for the cosine distance between halfvec values';
CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_cosine_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_cosine_ops USING hnsw IS 'cosine distance';

CREATE FUNCTION vecx_halfvec_l1_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_halfvec_l1_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_halfvec_l1_ops(internal)
    IS 'index support for the taxicab distance between halfvec values';
CREATE OPERATOR CLASS halfvec_l1_ops
    FOR TYPE halfvec USING hnsw AS
    OPERATOR 1 <+> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_l1_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_l1_ops USING hnsw IS 'taxicab distance';

CREATE FUNCTION vecx_sparsevec_l2_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_l2_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_sparsevec_l2_ops(internal)
    IS 'index support for the Euclidean distance between sparsevec values';
CREATE OPERATOR CLASS sparsevec_l2_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <-> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_sparsevec_l2_ops(internal);
COMMENT ON OPERATOR CLASS sparsevec_l2_ops USING hnsw IS 'Euclidean distance';

CREATE FUNCTION vecx_sparsevec_ip_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_ip_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_sparsevec_ip_ops(internal)
    IS 'index support for the negative inner product between sparsevec values';
CREATE OPERATOR CLASS sparsevec_ip_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <#> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_sparsevec_ip_ops(internal);
COMMENT ON OPERATOR CLASS sparsevec_ip_ops USING hnsw IS 'negative inner product';

CREATE FUNCTION vecx_sparsevec_cosine_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_cosine_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_sparsevec_cosine_ops(internal)
    IS 'index support for the cosine distance between sparsevec values';
CREATE OPERATOR CLASS sparsevec_cosine_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <=> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_sparsevec_cosine_ops(internal);
COMMENT ON OPERATOR CLASS sparsevec_cosine_ops USING hnsw IS 'cosine distance';

CREATE FUNCTION vecx_sparsevec_l1_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_sparsevec_l1_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_sparsevec_l1_ops(internal)
    IS 'index support for the taxicab distance between sparsevec values';
CREATE OPERATOR CLASS sparsevec_l1_ops
    FOR TYPE sparsevec USING hnsw AS
    OPERATOR 1 <+> (sparsevec, sparsevec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_sparsevec_l1_ops(internal);
COMMENT ON OPERATOR CLASS sparsevec_l1_ops USING hnsw IS 'taxicab distance';

CREATE FUNCTION vecx_bit_hamming_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_bit_hamming_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_bit_hamming_ops(internal)
    IS 'index support for the Hamming distance between bit values';
CREATE OPERATOR CLASS bit_hamming_ops
    FOR TYPE bit USING hnsw AS
    OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_bit_hamming_ops(internal);
COMMENT ON OPERATOR CLASS bit_hamming_ops USING hnsw IS 'Hamming distance';

CREATE FUNCTION vecx_bit_jaccard_ops(internal) RETURNS internal
    AS 'MODULE_PATHNAME', 'vecx_bit_jaccard_ops' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION vecx_bit_jaccard_ops(internal)
    IS 'index support for the Jaccard distance between bit values';
CREATE OPERATOR CLASS bit_jaccard_ops
    FOR TYPE bit USING hnsw AS
    OPERATOR 1 <%> (bit, bit) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_bit_jaccard_ops(internal);
COMMENT ON OPERATOR CLASS bit_jaccard_ops USING hnsw IS 'Jaccard distance';

-- The same for inverted lists. ivfflat has a default, as in pgvector.

CREATE OPERATOR CLASS vector_l2_ops
    DEFAULT FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_l2_ops(internal);
COMMENT ON OPERATOR CLASS vector_l2_ops USING ivfflat IS 'Euclidean distance';
CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_ip_ops(internal);
COMMENT ON OPERATOR CLASS vector_ip_ops USING ivfflat IS 'negative inner product';
CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING ivfflat AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_cosine_ops(internal);
COMMENT ON OPERATOR CLASS vector_cosine_ops USING ivfflat IS 'cosine distance';
CREATE OPERATOR CLASS halfvec_l2_ops
    FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_l2_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_l2_ops USING ivfflat IS 'Euclidean distance';
CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_ip_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_ip_ops USING ivfflat IS 'negative inner product';
CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING ivfflat AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_cosine_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_cosine_ops USING ivfflat IS 'cosine distance';
CREATE OPERATOR CLASS bit_hamming_ops
    FOR TYPE bit USING ivfflat AS
    OPERATOR 1 <~> (bit, bit) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_bit_hamming_ops(internal);
COMMENT ON OPERATOR CLASS bit_hamming_ops USING ivfflat IS 'Hamming distance';
CREATE OPERATOR CLASS vector_l2_ops
    FOR TYPE vector USING ivfpq AS
    OPERATOR 1 <-> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_l2_ops(internal);
COMMENT ON OPERATOR CLASS vector_l2_ops USING ivfpq IS 'Euclidean distance';
CREATE OPERATOR CLASS vector_ip_ops
    FOR TYPE vector USING ivfpq AS
    OPERATOR 1 <#> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_ip_ops(internal);
COMMENT ON OPERATOR CLASS vector_ip_ops USING ivfpq IS 'negative inner product';
CREATE OPERATOR CLASS vector_cosine_ops
    FOR TYPE vector USING ivfpq AS
    OPERATOR 1 <=> (vector, vector) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_vector_cosine_ops(internal);
COMMENT ON OPERATOR CLASS vector_cosine_ops USING ivfpq IS 'cosine distance';
CREATE OPERATOR CLASS halfvec_l2_ops
    FOR TYPE halfvec USING ivfpq AS
    OPERATOR 1 <-> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_l2_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_l2_ops USING ivfpq IS 'Euclidean distance';
CREATE OPERATOR CLASS halfvec_ip_ops
    FOR TYPE halfvec USING ivfpq AS
    OPERATOR 1 <#> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_ip_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_ip_ops USING ivfpq IS 'negative inner product';
CREATE OPERATOR CLASS halfvec_cosine_ops
    FOR TYPE halfvec USING ivfpq AS
    OPERATOR 1 <=> (halfvec, halfvec) FOR ORDER BY float_ops,
    FUNCTION 1 vecx_halfvec_cosine_ops(internal);
COMMENT ON OPERATOR CLASS halfvec_cosine_ops USING ivfpq IS 'cosine distance';

-- Learning quantizers

CREATE FUNCTION vecx_kmeans(vectors vector[], k integer, seed bigint DEFAULT 0) RETURNS vector[]
    AS 'MODULE_PATHNAME', 'vecx_kmeans' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION vecx_kmeans(vector[], integer, bigint) IS
    'centroids of k clusters by k-means; the same vectors and seed give the same';

CREATE FUNCTION vecx_pq_train(vectors vector[], m integer, bits integer DEFAULT 8,
                              opq boolean DEFAULT false, seed bigint DEFAULT 0) RETURNS bytea
    AS 'MODULE_PATHNAME', 'vecx_pq_train' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100000;
COMMENT ON FUNCTION vecx_pq_train(vector[], integer, integer, boolean, bigint) IS
    'codebook of a product quantizer of m parts of 4 or 8 bits, with a learned rotation if opq';

CREATE FUNCTION vecx_pq_encode(codebook bytea, value vector) RETURNS bytea
    AS 'MODULE_PATHNAME', 'vecx_pq_encode' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION vecx_pq_encode(bytea, vector) IS
    'code of a vector: m bytes, or half of that with 4 bits';

CREATE FUNCTION vecx_pq_decode(codebook bytea, code bytea) RETURNS vector
    AS 'MODULE_PATHNAME', 'vecx_pq_decode' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION vecx_pq_decode(bytea, bytea) IS 'the vector that a code stands for';

CREATE FUNCTION vecx_pq_distance(codebook bytea, value vector, code bytea) RETURNS float8
    AS 'MODULE_PATHNAME', 'vecx_pq_distance' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000;
COMMENT ON FUNCTION vecx_pq_distance(bytea, vector, bytea) IS
    'Euclidean distance between a vector and what a code stands for';

-- Looking into an index

CREATE FUNCTION vecx_index_info(index regclass, OUT rows bigint, OUT nodes bigint,
                                OUT upper_nodes bigint, OUT duplicates bigint,
                                OUT tombstones bigint, OUT unlinked bigint, OUT free_slots bigint,
                                OUT dimensions integer, OUT code_dimensions integer,
                                OUT code_bits integer, OUT edges integer, OUT m integer,
                                OUT ef_construction integer, OUT vectors text,
                                OUT record_bytes integer, OUT bytes_per_row float8,
                                OUT meta_pages bigint, OUT node_pages bigint,
                                OUT vector_pages bigint, OUT total_pages bigint,
                                OUT entry_level integer, OUT levels integer,
                                OUT average_degree float8, OUT build_id text, OUT method text,
                                OUT lists integer, OUT largest_list bigint, OUT trained boolean,
                                OUT quantizer text, OUT free_pages bigint)
    AS 'MODULE_PATHNAME', 'vecx_index_info' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vecx_index_info(regclass) IS
    'what is in an index, counted page by page; for those who may select from its table';

CREATE FUNCTION vecx_index_lists(index regclass)
    RETURNS TABLE (list integer, rows bigint, dead bigint, generation bigint,
                   centroid_norm float8, radius float8)
    AS 'MODULE_PATHNAME', 'vecx_index_lists' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vecx_index_lists(regclass) IS
    'the lists of an ivfflat or ivfpq index: their rows, slots without a row, and how far the farthest row is from the centroid';

CREATE FUNCTION vecx_pq_codebook(index regclass) RETURNS bytea
    AS 'MODULE_PATHNAME', 'vecx_pq_codebook' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION vecx_pq_codebook(regclass) IS
    'codebook of an ivfpq index with quantizer pq, for vecx_pq_decode: what it codes is the rest of a row beside the centroid of its list';

CREATE FUNCTION vecx_check(index regclass, heapallindexed boolean DEFAULT false,
                           sample integer DEFAULT 0)
    RETURNS TABLE (severity text, block bigint, item integer, message text)
    AS 'MODULE_PATHNAME', 'vecx_check' LANGUAGE C VOLATILE STRICT PARALLEL RESTRICTED;
REVOKE EXECUTE ON FUNCTION vecx_check(regclass, boolean, integer) FROM PUBLIC;
COMMENT ON FUNCTION vecx_check(regclass, boolean, integer) IS
    'damage in an index, a row each; with heapallindexed also rows of the table that it lacks, with a sample also whether searches find that many rows';
