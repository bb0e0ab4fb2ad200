// Package local runs a Broker on this machine, in this process: certificates, passwords and access
// rules by the same render and pki as the operator's, in a state folder instead of Secrets.
//
// It never talks to a cluster. Only `kubectl-mqtt run` starts brokers; `kubectl-mqtt render`, `backup` and
// `restore` read the state folder and write nothing to it.
//
// The state folder, every file of which only its owner can read:
//
//	ca.crt ca.key            the CA, made once
//	tls.crt tls.key          the server certificate, renewed in time
//	users/NAME/password      a generated password, made once; yours to change
//	users/NAME/username      what the user calls itself to the broker
//	users/NAME/hash          its hash, kept as long as it is the password's
//	users/NAME/rotation      when it changed, and the hash of the one before while that works too
//	users/NAME/tls.crt .key  a client certificate, renewed in time
//	client-certs.json        which client certificates there are, and which are revoked
//	client-ca.crt .crl       what client certificates are verified by
//	auth/                    users and access rules, replaced as a whole
//	data/BROKER/             sessions and retained messages
//	admin/                   how to call the admin API of the broker that runs, made anew by each run
//
// NAME and BROKER are name, or name@namespace outside the namespace default.
package local
