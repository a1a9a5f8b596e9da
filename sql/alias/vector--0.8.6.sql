-- The extension "vector" as an alias: everything that it stands for belongs to vecx, which it requires.
-- The version is that of the pgvector whose names vecx offers; clients compare it.
\echo Use "CREATE EXTENSION vector" to load this file. \quit
