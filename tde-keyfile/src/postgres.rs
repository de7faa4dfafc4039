//! What has to be known of PostgreSQL's own files to read an encrypted cluster.
