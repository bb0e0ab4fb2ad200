package auth

import (
	"maps"

	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// Offline is the Policy of rules that no broker has loaded, for who wants to know what one would say. users are
// the groups of each user; acls are as Validate and Defaulted of an ACLSet leave them.
func Offline(a config.Authentication, z config.Authorization, users map[string][]string, acls []config.ACL) *Policy {
	s := settings{
		anonymous: a.AllowAnonymous, users: true, defaultAllow: z.DefaultPolicy == config.PolicyAllow, certificate: a.ClientCertificate,
	}
	return newPolicy(1, s, material{passwords: &password.File{}, groups: maps.Clone(users), acls: acls})
}

// Suppose is an identity that nobody has proved, to ask a Policy about: of a user that it knows, or of an anonymous
// client ("").
func Suppose(clientID, username, commonName string) *Identity {
	id := Recall(clientID, username, username == "")
	id.cn = commonName
	return id
}
