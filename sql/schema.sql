-- The central table of AMI actions and its sidecars, for MariaDB and MySQL.
-- `acqs-core db init` runs these statements for what is missing and never alters what is there;
-- `mariadb DATABASE < schema.sql` does the same.

-- An action is a row. The names and order of the columns are VICIdial's, so that producers may insert positionally.
-- The channel and uniqueid are wider than VICIdial's, and a header line has no bound here: a line that is too long for
-- Asterisk must reach the sender to be refused with a reason, not be cut by the server.
CREATE TABLE IF NOT EXISTS vicidial_manager (
  man_id      INT UNSIGNED NOT NULL AUTO_INCREMENT,
  uniqueid    VARCHAR(150),
  entry_date  DATETIME,
  status      ENUM('NEW','QUEUE','SENT','UPDATED','DEAD'),
  response    ENUM('Y','N'),
  server_ip   VARCHAR(45) NOT NULL,
  channel     VARCHAR(255),
  action      VARCHAR(50),
  callerid    VARCHAR(20),
  cmd_line_b  TEXT,
  cmd_line_c  TEXT,
  cmd_line_d  TEXT,
  cmd_line_e  TEXT,
  cmd_line_f  TEXT,
  cmd_line_g  TEXT,
  cmd_line_h  TEXT,
  cmd_line_i  TEXT,
  cmd_line_j  TEXT,
  cmd_line_k  TEXT,
  PRIMARY KEY (man_id),
  KEY callerid (callerid),
  KEY uniqueid (uniqueid),
  KEY serverstat (server_ip, status)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What became of an action, for producers to read. outcome is NULL while that is open.
CREATE TABLE IF NOT EXISTS acqs_outcome (
  man_id      INT UNSIGNED NOT NULL,
  outcome     VARCHAR(20),
  cause       INT,
  message     VARCHAR(255) NOT NULL DEFAULT '',
  channel     VARCHAR(255) NOT NULL DEFAULT '',
  uniqueid    VARCHAR(150) NOT NULL DEFAULT '',
  sent_at     DATETIME(6),
  updated_at  DATETIME(6),
  ended_at    DATETIME(6),
  PRIMARY KEY (man_id),
  KEY by_outcome (outcome, man_id)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- What happened to an action, in order. Only ever appended to; man_id is NULL for deeds on the whole queue.
CREATE TABLE IF NOT EXISTS acqs_journal (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  man_id      INT UNSIGNED,
  server_ip   VARCHAR(45) NOT NULL,
  at          DATETIME(6) NOT NULL,
  event       VARCHAR(40) NOT NULL,
  detail      TEXT NOT NULL,
  actor       VARCHAR(100) NOT NULL DEFAULT '',
  PRIMARY KEY (id),
  KEY by_action (man_id, at)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- One sender and one listener per server_ip. The token rises at every take-over and guards every claim and SENT.
CREATE TABLE IF NOT EXISTS acqs_lease (
  server_ip   VARCHAR(45) NOT NULL,
  role        VARCHAR(10) NOT NULL,
  holder      VARCHAR(150) NOT NULL,
  token       BIGINT UNSIGNED NOT NULL,
  expires_at  DATETIME(6) NOT NULL,
  state       VARCHAR(250) NOT NULL DEFAULT '',
  PRIMARY KEY (server_ip, role)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

-- A pause outlives every program and is part of the guards of claim and SENT.
CREATE TABLE IF NOT EXISTS acqs_control (
  server_ip   VARCHAR(45) NOT NULL,
  paused      TINYINT NOT NULL,
  actor       VARCHAR(100) NOT NULL DEFAULT '',
  reason      VARCHAR(250) NOT NULL DEFAULT '',
  at          DATETIME(6) NOT NULL,
  PRIMARY KEY (server_ip)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
