-- What a caller had asked for with an idempotency key, which must not bring another mail. Of a
-- sealed body nobody could say later whether it was the same.
ALTER TABLE mails ADD COLUMN request_digest bytea CHECK (octet_length(request_digest) = 32);
