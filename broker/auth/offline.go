package auth

import (
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
)

// Offline is the Policy of rules that no broker has loaded, for who wants to know what one would say. users are
// known by their attributes; trusts says of which namespaces ServiceAccounts are let in, where they are; acls are as Validate and Defaulted of an ACLSet leave them.
func Offline(a config.Authentication, z config.Authorization, users []config.UserAttributes, trusts func(namespace string) bool, acls []config.ACL) *Policy {
	s := settings{
		anonymous: a.AllowAnonymous, users: true, defaultAllow: z.DefaultPolicy == config.PolicyAllow, certificate: a.ClientCertificate, accounts: a.ServiceAccounts,
	}
	m := material{
		passwords: &password.File{}, groups: map[string][]string{}, selected: map[string][]string{}, limits: map[string]config.UserLimits{}, acls: acls,
		issuer: &issuer{allows: trusts},
	}
	m.addUsers(users)
	return newPolicy(1, s, m)
}

// Suppose is an identity that nobody has proved, to ask a Policy about: of a user that it knows, or of an anonymous
// client ("").
func Suppose(clientID, username, commonName string) *Identity {
	id := Recall(clientID, username, username == "")
	id.shown = certificate(commonName)
	return id
}
