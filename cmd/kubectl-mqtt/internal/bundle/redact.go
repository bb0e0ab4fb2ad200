package bundle

import (
	"regexp"
	"strings"
)

// removed stands where a secret was.
const removed = "(removed)"

// shortest is the least length of a value that is hidden wherever it stands: a shorter one is part of ordinary words.
const shortest = 8

// forms are what secrets look like: private keys, password hashes and SCRAM keys of a password file, bearer tokens.
var forms = []*regexp.Regexp{
	regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\z)`),
	regexp.MustCompile(`\$(6|7|argon2id?)\$[A-Za-z0-9+/=$,]+`),
	regexp.MustCompile(`SCRAM-SHA-(256|512)\$[A-Za-z0-9+/=$:,]+`),
	regexp.MustCompile(`(?i)bearer [A-Za-z0-9._~+/=-]{8,}`),
	regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*`), // a JSON Web Token
	regexp.MustCompile(`(?i)((?:password|passwd|secret|token)["']?[ \t]*[=:][ \t]*["']?)[^\s"',}]+`),
}

// clean removes what is secret from a text.
func (b *Bundle) clean(text string) string {
	for _, secret := range b.hidden {
		text = strings.ReplaceAll(text, secret, removed)
	}
	for i, form := range forms {
		if i == len(forms)-1 { // what stands before the value stays
			text = form.ReplaceAllString(text, "${1}"+removed)
			continue
		}
		text = form.ReplaceAllString(text, removed)
	}
	return text
}

// secretFields are removed from objects, whatever they hold.
var secretFields = map[string]bool{
	"password": true, "passwordhash": true, "passwd": true, "token": true, "stringdata": true, "kubeconfig": true,
}

// noise is of no use in a bundle. The annotation repeats the object, with its secrets.
var noise = map[string]bool{"managedFields": true, "kubectl.kubernetes.io/last-applied-configuration": true}

// strip removes secrets and noise from an object.
func strip(value any) any {
	switch v := value.(type) {
	case map[string]any:
		kind, _ := v["kind"].(string)
		for key, field := range v {
			switch {
			case noise[key]:
				delete(v, key)
			case key == "data" && kind == "Secret":
				v[key] = removed
			case secretFields[strings.ToLower(key)] && isValue(field):
				v[key] = removed
			case key == "env":
				v[key] = stripEnv(field)
			default:
				v[key] = strip(field)
			}
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return value
}

// isValue says that a field holds a secret itself: spec.authentication.password is an object that says where one is.
func isValue(field any) bool {
	_, nested := field.(map[string]any)
	return !nested
}

// stripEnv removes the values of a container's environment.
func stripEnv(field any) any {
	list, _ := field.([]any)
	for _, entry := range list {
		if variable, ok := entry.(map[string]any); ok && variable["value"] != nil {
			if name, _ := variable["name"].(string); name != "GOMEMLIMIT" && name != "GOMAXPROCS" {
				variable["value"] = removed
			}
		}
	}
	return field
}
