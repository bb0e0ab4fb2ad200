package config

import (
	"encoding/hex"
	"fmt"
	"net"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Validate says everything that is wrong with c: FieldErrors, joined. An unset field is as good as its default.
func (c Config) Validate() error {
	f := c.faults()
	return f.err()
}

// Validate says everything that is wrong with s: FieldErrors, joined. topic says what is wrong with one of a rule's
// topics; nil: it is not asked, since this package knows nothing of topic filters.
func (s ACLSet) Validate(topic func(string) error) error {
	f := s.faults(topic)
	return f.err()
}

// Validate says everything that is wrong with s: FieldErrors, joined.
func (s UserSet) Validate() error {
	var f faults
	f.check(reflect.ValueOf(s))
	return f.err()
}

func (c Config) faults() faults {
	var f faults
	c = c.Defaulted()
	f.check(reflect.ValueOf(c))
	f.listeners(c.Listeners)
	f.certificates(c.Authentication.ClientCertificate, c.Listeners)
	f.authFiles(c.AuthFiles)
	f.admin(c.Admin)
	return f
}

func (s ACLSet) faults(topic func(string) error) faults {
	var f faults
	f.check(reflect.ValueOf(s))
	for i, acl := range s.ACLs {
		path := index("acls", i)
		f.subjects(acl.Subjects, path+".subjects")
		if topic != nil {
			f.topics(acl.Rules, path+".rules", topic)
		}
	}
	return f
}

func (f *faults) subjects(subjects []Subject, path string) {
	for i, s := range subjects {
		nameless := s.Kind == SubjectEveryone || s.Kind == SubjectAnonymous
		switch {
		case s.Selector != nil && (s.Kind != SubjectUser || s.Name != ""):
			f.add(index(path, i)+".selector", "is for kind User alone, and in place of name")
		case s.Kind == SubjectServiceAccount && !serviceAccountName.MatchString(s.Name):
			f.add(index(path, i)+".name", "of a ServiceAccount must be NAMESPACE/NAME")
		case s.Selector != nil:
			f.requirements(s.Selector.MatchExpressions, index(path, i)+".selector.matchExpressions")
		case s.Selector == nil && nameless == (s.Name != ""):
			f.add(index(path, i)+".name", "must be set for User, Group, ClientID and ServiceAccount, and left out for Everyone and Anonymous")
		}
	}
}

// serviceAccountName is what a broker must be told: the namespace of the ACL is nothing to it.
var serviceAccountName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-.a-z0-9]*[a-z0-9])?$`)

func (f *faults) requirements(requirements []SelectorRequirement, path string) {
	for i, r := range requirements {
		if takes := r.Operator == SelectorIn || r.Operator == SelectorNotIn; takes != (len(r.Values) > 0) {
			f.add(index(path, i)+".values", "must be set for In and NotIn, and left out for Exists and DoesNotExist")
		}
	}
}

func (f *faults) topics(rules []Rule, path string, topic func(string) error) {
	for i, r := range rules {
		for j, text := range r.Topics {
			at := index(index(path, i)+".topics", j)
			if err := topic(text); err != nil && !f.at(at) {
				f.add(at, "%v", err)
			}
		}
	}
}

// check holds every field under v to its constraint.
func (f *faults) check(v reflect.Value) {
	walk(v, "", func(field field, path string) {
		value := field.value
		if value.Kind() == reflect.Pointer && !value.IsNil() {
			value = value.Elem()
		}
		c := field.constraint
		switch value.Kind() {
		case reflect.Int32, reflect.Int64:
			f.checkInt(field, value.Int(), path)
		case reflect.String:
			f.checkString(c, field, value.String(), path)
		case reflect.Slice:
			f.checkItems(c, value, path)
		case reflect.Map:
			f.checkCount(c, value.Len(), path)
		}
	})
}

func (f *faults) checkInt(field field, n int64, path string) {
	c := field.constraint
	if n == 0 && (c.Default != "" || !field.required) {
		return // unset
	}
	if c.Min != nil && n < *c.Min || c.Max != nil && n > *c.Max {
		f.add(path, "%d is out of range: must be %s", n, c.span())
	}
}

// span says which integers are allowed.
func (c constraint) span() string {
	if c.Max == nil {
		return fmt.Sprintf("at least %d", *c.Min)
	}
	return fmt.Sprintf("from %d to %d", *c.Min, *c.Max)
}

func (f *faults) checkString(c constraint, field field, s, path string) {
	switch n := utf8.RuneCountInString(s); {
	case s == "" && field.required:
		f.add(path, "must be set")
	case s == "":
	case c.MaxLength > 0 && n > c.MaxLength:
		f.add(path, "has %d characters, at most %d are allowed", n, c.MaxLength)
	case c.Pattern != nil && !c.Pattern.MatchString(s):
		f.add(path, "%q must match %s", s, c.Pattern)
	default:
		f.checkEnum(field.value.Type(), s, path)
	}
}

func (f *faults) checkEnum(t reflect.Type, s, path string) {
	if allowed := enums[t.Name()]; allowed != nil && !slices.Contains(allowed, s) {
		f.add(path, "%.40q is not one of %s", s, strings.Join(allowed, ", "))
	}
}

func (f *faults) checkItems(c constraint, v reflect.Value, path string) {
	f.checkCount(c, v.Len(), path)
	if v.Type().Elem().Kind() != reflect.String {
		return
	}
	seen := make(map[string]bool)
	for i := range v.Len() {
		s := v.Index(i).String()
		switch n := utf8.RuneCountInString(s); {
		case n < c.ItemMin || c.ItemMax > 0 && n > c.ItemMax:
			f.add(index(path, i), "has %d characters: must have from %d to %d", n, c.ItemMin, c.ItemMax)
		case c.ItemPattern != nil && !c.ItemPattern.MatchString(s):
			f.add(index(path, i), "%.60q must match %s", s, c.ItemPattern)
		case c.Unique && seen[s]:
			f.add(index(path, i), "%q is there twice", s)
		default:
			f.checkEnum(v.Type().Elem(), s, index(path, i))
		}
		seen[s] = true
	}
}

func (f *faults) checkCount(c constraint, n int, path string) {
	if c.MaxItems > 0 && (n < c.MinItems || n > c.MaxItems) {
		f.add(path, "has %d items: must have from %d to %d", n, c.MinItems, c.MaxItems)
	}
}

func (f *faults) authFiles(a AuthFiles) {
	if a.BundleDir == "" {
		return
	}
	if a.PasswordFile != "" {
		f.add("authFiles.passwordFile", "must not be set together with authFiles.bundleDir")
	}
	if a.ACLFile != "" {
		f.add("authFiles.aclFile", "must not be set together with authFiles.bundleDir")
	}
	if a.TokenIssuerFile != "" {
		f.add("authFiles.tokenIssuerFile", "must not be set together with authFiles.bundleDir")
	}
}

func (f *faults) admin(a Admin) {
	if a.HealthAddress != "" {
		f.hostPort("admin.healthAddress", a.HealthAddress)
	}
	for i, pin := range a.ClientKeyPins {
		if sum, err := hex.DecodeString(pin); err != nil || len(sum) != 32 {
			f.add(index("admin.clientKeyPins", i), "%.70q must be a SHA-256 in 64 hexadecimal digits", pin)
		}
	}
	if a.Address == "" {
		return
	}
	f.hostPort("admin.address", a.Address)
	for _, need := range []struct {
		name  string
		unset bool
	}{{"certFile", a.CertFile == ""}, {"keyFile", a.KeyFile == ""}} {
		if need.unset {
			f.add("admin."+need.name, "must be set for the admin API at admin.address")
		}
	}
	if len(a.ClientKeyPins) == 0 && a.TokensFile == "" && a.ReadGroup == "" && a.WriteGroup == "" {
		f.add("admin.clientKeyPins", "must be set for the admin API at admin.address, or tokensFile, readGroup or writeGroup: nobody could call it")
	}
}

func (f *faults) hostPort(path, address string) {
	_, port, err := net.SplitHostPort(address)
	if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n == 0 {
		f.add(path, "%.60q must be host:port, with a port from 1 to 65535", address)
	}
}
