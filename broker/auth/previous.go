package auth

// Previous reports whether id was authenticated with a password that another has taken the place of, and that
// works for a while yet.
func (p *Policy) Previous(id *Identity) bool {
	return id.line != "" && p.passwords.Superseded(id.username, id.line)
}

// Changing reports whether there is anybody for whom Previous can be true.
func (p *Policy) Changing() bool { return !p.closed && p.passwords.Changing() }
