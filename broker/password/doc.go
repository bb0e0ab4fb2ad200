// Package password reads, verifies and makes the password hashes that Mosquitto uses, and its password files:
//
//	$7$iterations$salt$hash                     PBKDF2 with HMAC-SHA-512; made by Hash
//	$6$salt$hash                                SHA-512 of password and salt, once; read only, from Mosquitto 1
//	$argon2id$v=19$m=KiB,t=passes,p=lanes$salt$hash   read only, from Mosquitto 2.1
//
// and, in PostgreSQL's form, the keys with which a client is verified by SCRAM, made by ScramLine:
//
//	SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey, and SCRAM-SHA-512 alike
//
// Salt, hash and keys are in base64. It does no I/O but on the reader it is given, and never puts a hash or a password into
// an error. A verification is expensive on purpose: callers run it on a bounded number of goroutines and never on one
// that moves traffic. Callers: auth (Verify, File, ScramUsers), render and the CLI (Hash, ScramLine).
package password
