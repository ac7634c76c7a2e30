"""The table as VICIdial 2.14 makes it: its column widths, its three indexes, MyISAM, latin1 (facts of the field)."""

VICIDIAL_MANAGER = """
CREATE TABLE vicidial_manager (
  man_id INT(9) UNSIGNED AUTO_INCREMENT PRIMARY KEY NOT NULL,
  uniqueid VARCHAR(20),
  entry_date DATETIME,
  status ENUM('NEW','QUEUE','SENT','UPDATED','DEAD'),
  response ENUM('Y','N'),
  server_ip VARCHAR(15) NOT NULL,
  channel VARCHAR(100),
  action VARCHAR(20),
  callerid VARCHAR(20),
  cmd_line_b VARCHAR(100),
  cmd_line_c VARCHAR(100),
  cmd_line_d VARCHAR(200),
  cmd_line_e VARCHAR(100),
  cmd_line_f VARCHAR(100),
  cmd_line_g VARCHAR(100),
  cmd_line_h VARCHAR(100),
  cmd_line_i VARCHAR(50),
  cmd_line_j VARCHAR(50),
  cmd_line_k VARCHAR(100),
  INDEX callerid (callerid),
  INDEX uniqueid (uniqueid),
  INDEX serverstat (server_ip, status)
) ENGINE=MyISAM DEFAULT CHARSET=latin1
"""
