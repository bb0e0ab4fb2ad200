package listener

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dunlin-mqtt/dunlin/broker/filewatch/keypair/keypairtest"
)

// put replaces dir/name in one step and returns its path.
func put(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// trusting is trust in a CA with these lists.
func trusting(t *testing.T, ca []byte, lists ...[]byte) *trust {
	t.Helper()
	dir := t.TempDir()
	var files []string
	for i, list := range lists {
		files = append(files, put(t, dir, string(rune('a'+i)), list))
	}
	tr, err := openTrust(put(t, dir, "ca.crt", ca), files, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

func chain(leaf tls.Certificate, cas ...*keypairtest.CA) []*x509.Certificate {
	out := []*x509.Certificate{leaf.Leaf}
	for _, ca := range cas {
		out = append(out, ca.Cert)
	}
	return out
}

func TestTrust(t *testing.T) {
	root, other := keypairtest.NewCA(t, "root"), keypairtest.NewCA(t, "other")
	again := keypairtest.NewCA(t, "root") // another key
	sub := root.Under(t, "sub")
	good, bad := root.Client(t, "good", nil), root.Client(t, "bad", nil)
	byAgain := again.Client(t, "again", nil)
	old := root.Client(t, "old", func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	})
	server := root.Client(t, "server", func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} })
	const day = 24 * time.Hour
	list := root.CRL(t, day, nil, bad.Leaf)
	expired := root.CRL(t, -time.Hour, nil)
	subLeaf := sub.Client(t, "leaf", nil)
	both := append(append([]byte{}, root.PEM...), sub.PEM...)
	for _, r := range []struct {
		name  string
		trust *trust
		chain []*x509.Certificate
		want  string // part of the error; "": none
	}{
		{"good", trusting(t, root.PEM), chain(good), ""},
		{"of another CA", trusting(t, root.PEM), chain(other.Client(t, "x", nil)), "unknown authority"},
		{"of a CA of the same name", trusting(t, root.PEM), chain(byAgain), "x509"},
		{"expired", trusting(t, root.PEM), chain(old), "expired"},
		{"for servers", trusting(t, root.PEM), chain(server), "usage"},
		{"not on the list", trusting(t, root.PEM, list), chain(good), ""},
		{"revoked", trusting(t, root.PEM, list), chain(bad), "revoked"},
		{"revoked, list in PEM", trusting(t, root.PEM, keypairtest.PEMList(list)), chain(bad), "revoked"},
		{"revoked by a newer list", trusting(t, root.PEM, root.CRL(t, day-time.Hour, nil), list), chain(bad), "revoked"},
		{"no longer revoked by a newer list", trusting(t, root.PEM, list, root.CRL(t, day+time.Hour, nil)), chain(bad), ""},
		{"list has expired", trusting(t, root.PEM, expired), chain(good), "expired, CN=root"},
		{"list of another CA", trusting(t, append(append([]byte{}, root.PEM...), other.PEM...), other.CRL(t, day, nil)), chain(good), "no revocation list of its CA, CN=root"},
		{"same names, keys apart", trusting(t, append(append([]byte{}, root.PEM...), again.PEM...), list, again.CRL(t, day+time.Hour, nil)), chain(bad), "revoked"},
		{"intermediate sent", trusting(t, root.PEM), chain(subLeaf, sub), ""},
		{"intermediate not sent", trusting(t, root.PEM), chain(subLeaf), "unknown authority"},
		{"intermediate in the file, leaf revoked", trusting(t, both, sub.CRL(t, day, nil, subLeaf.Leaf), root.CRL(t, day, nil)), chain(subLeaf), "revoked"},
		{"intermediate in the file, itself revoked", trusting(t, both, sub.CRL(t, day, nil), root.CRL(t, day, nil, sub.Cert)), chain(subLeaf), "its CA has been revoked, CN=sub"},
		{"intermediate in the file and sent, itself revoked", trusting(t, both, sub.CRL(t, day, nil), root.CRL(t, day, nil, sub.Cert)), chain(subLeaf, sub), "its CA has been revoked, CN=sub"},
		{"intermediate in the file, expired list above it", trusting(t, both, sub.CRL(t, day, nil), expired), chain(subLeaf), "expired, CN=root"},
		{"intermediate in the file, nothing revoked", trusting(t, both, sub.CRL(t, day, nil), root.CRL(t, day, nil)), chain(subLeaf), ""},
		{"intermediate without a list", trusting(t, root.PEM, root.CRL(t, day, nil)), chain(subLeaf, sub), "no revocation list of its CA, CN=sub"},
	} {
		err := r.trust.check(r.chain)
		if (err == nil) != (r.want == "") || err != nil && !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.name, err, r.want)
		}
	}
	// A CA is revoked as its clients are: here the intermediate is no anchor of its own.
	tr := trusting(t, root.PEM, root.CRL(t, day, nil, sub.Cert))
	tr.current.Load().lists[keyOf(sub.Cert)] = &crl{RevocationList: &x509.RevocationList{}}
	if err := tr.check(chain(subLeaf, sub)); err == nil || !strings.Contains(err.Error(), "revoked") {
		t.Errorf("a client of a revoked CA: %v", err)
	}
}

// TestListExpires: a list that was good when it was read is not for ever.
func TestListExpires(t *testing.T) {
	root := keypairtest.NewCA(t, "root")
	leaf := chain(root.Client(t, "good", nil))
	tr := trusting(t, root.PEM, root.CRL(t, 30*time.Minute, nil))
	if err := tr.check(leaf); err != nil {
		t.Fatal(err)
	}
	tr.now = func() time.Time { return time.Now().Add(31 * time.Minute) }
	if err := tr.check(leaf); err == nil || !strings.Contains(err.Error(), "expired") {
		t.Errorf("after its time: %v", err)
	}
}

func TestTrustRefusesFiles(t *testing.T) {
	root, other := keypairtest.NewCA(t, "root"), keypairtest.NewCA(t, "other")
	forged := keypairtest.NewCA(t, "root") // says that it is root
	leaf := root.Client(t, "leaf", nil)
	delta := root.CRL(t, time.Hour, func(l *x509.RevocationList) {
		l.ExtraExtensions = []pkix.Extension{{Id: []int{2, 5, 29, 27}, Critical: true, Value: big.NewInt(1).Bytes()}}
	})
	_, keyPEM := keypairtest.New(t, "x")
	for _, r := range []struct {
		name    string
		ca, crl []byte
		want    string
	}{
		{"no PEM", []byte("hello"), nil, "ca.crt: has no certificate in PEM"},
		{"a key", keyPEM, nil, "has a PRIVATE KEY, and only certificates belong there"},
		{"no CA", keypairtest.PEMCertificate(leaf.Leaf), nil, "the certificate of CN=leaf is no CA's"},
		{"broken list", root.PEM, []byte("hello"), "crl: it is neither PEM nor DER of a list"},
		{"certificate as list", root.PEM, root.PEM, "has a CERTIFICATE, and only X509 CRLs belong there"},
		{"list of another CA", root.PEM, other.CRL(t, time.Hour, nil), "list of CN=other: it is of none of the client CAs"},
		{"forged list", root.PEM, forged.CRL(t, time.Hour, nil), "signature of the list of CN=root"},
		{"delta", root.PEM, delta, "only complete lists"},
	} {
		dir := t.TempDir()
		var lists []string
		if r.crl != nil {
			lists = []string{put(t, dir, "crl", r.crl)}
		}
		_, err := openTrust(put(t, dir, "ca.crt", r.ca), lists, slog.New(slog.NewTextHandler(io.Discard, nil)))
		if err == nil || !strings.Contains(err.Error(), r.want) {
			t.Errorf("%s: %v, want %q", r.name, err, r.want)
		}
	}
}

// TestTrustReload: what cannot be used leaves the old in force and is said once; what is as before is no change.
func TestTrustReload(t *testing.T) {
	root := keypairtest.NewCA(t, "root")
	forged := keypairtest.NewCA(t, "root")
	leaf := root.Client(t, "leaf", nil)
	dir := t.TempDir()
	var log record
	file := put(t, dir, "crl", root.CRL(t, time.Hour, nil))
	tr, err := openTrust(put(t, dir, "ca.crt", root.PEM), []string{file}, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	changes := 0
	fn := func() { changes++ }
	tr.changed.Store(&fn)
	for _, bad := range [][]byte{[]byte("half"), forged.CRL(t, time.Hour, nil, leaf.Leaf)} {
		put(t, dir, "crl", bad)
		tr.reload()
		tr.reload()
		if err := tr.check(chain(leaf)); err != nil || changes != 0 {
			t.Errorf("after a bad list: %v, %d changes", err, changes)
		}
	}
	if n := strings.Count(log.String(), "the old ones stay"); n != 2 {
		t.Errorf("two bad lists were logged %d times:\n%s", n, log.String())
	}
	put(t, dir, "crl", root.CRL(t, time.Hour, nil, leaf.Leaf))
	tr.reload()
	tr.reload()
	if err := tr.check(chain(leaf)); err == nil || changes != 1 {
		t.Errorf("after the new list: %v, %d changes", err, changes)
	}
}

func FuzzLists(f *testing.F) {
	root := keypairtest.NewCA(f, "root")
	list := root.CRL(f, time.Hour, nil, root.Cert)
	f.Add(list)
	f.Add(keypairtest.PEMList(list))
	f.Fuzz(func(t *testing.T, data []byte) {
		a := anchors{cas: []*x509.Certificate{root.Cert}, lists: map[string]*crl{}}
		ders, err := listsIn(data)
		for _, der := range ders {
			_, err = a.parseList(der)
		}
		_ = err // it is enough that nothing panics
	})
}
