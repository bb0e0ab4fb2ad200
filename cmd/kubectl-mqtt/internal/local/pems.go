package local

// Certificates are the certificates that the state folder has, in PEM, by what they are for.
func (s *State) Certificates() ([]Certificate, error) {
	var found []Certificate
	for _, c := range []Certificate{
		{For: "CA of the listeners", Where: s.path("ca.crt")}, {For: "CA of the listeners, your own", Where: s.path("tls-ca.crt")},
		{For: "listeners", Where: s.path("tls.crt")}, {For: "CA of clients", Where: s.path("client-ca.crt")},
		{For: "admin API", Where: s.adminPath(adminCert)}, {For: "this program at the admin API", Where: s.adminPath(adminClientCert)},
	} {
		var err error
		if c.PEM, err = readOptional(c.Where); err != nil {
			return nil, err
		}
		if c.PEM != nil {
			found = append(found, c)
		}
	}
	return found, nil
}

// Certificate is one, or several in one file.
type Certificate struct {
	For   string // what it is for
	Where string // the file
	PEM   []byte
}
