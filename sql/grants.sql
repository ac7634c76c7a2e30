-- The least rights for ACQS and for a producer, on MariaDB and MySQL. Run as an administrator after schema.sql:
--   mariadb asterisk < schema.sql && mariadb asterisk < grants.sql
-- where asterisk is your database. Change the secrets and the hosts first. `acqs-core db check` says which right is missing.

-- The sender, the listener and operators. Nobody may change the journal, not even we; DELETE is for `queue purge`.
CREATE USER IF NOT EXISTS 'acqs'@'127.0.0.1' IDENTIFIED BY 'change-me';
GRANT SELECT, INSERT, UPDATE, DELETE ON vicidial_manager TO 'acqs'@'127.0.0.1';
GRANT SELECT, INSERT, UPDATE, DELETE ON acqs_outcome TO 'acqs'@'127.0.0.1';
GRANT SELECT, INSERT, DELETE ON acqs_journal TO 'acqs'@'127.0.0.1';
GRANT SELECT, INSERT, UPDATE ON acqs_lease TO 'acqs'@'127.0.0.1';
GRANT SELECT, INSERT, UPDATE ON acqs_control TO 'acqs'@'127.0.0.1';

-- A producer inserts NEW rows and reads what became of them; nothing else.
CREATE USER IF NOT EXISTS 'acqs_producer'@'127.0.0.1' IDENTIFIED BY 'change-me-too';
GRANT SELECT, INSERT ON vicidial_manager TO 'acqs_producer'@'127.0.0.1';
GRANT SELECT ON acqs_outcome TO 'acqs_producer'@'127.0.0.1';
