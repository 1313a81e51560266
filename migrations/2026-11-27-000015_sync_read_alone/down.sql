DROP TABLE sync_read_alone;
