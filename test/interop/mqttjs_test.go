package interop

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"testing"
	"time"
)

// scriptPatience is how long all scenarios of one script may take.
const scriptPatience = 5 * time.Minute

// script are the options of the scripts in mqttjs.
type script struct {
	URL        string `json:"url"`
	Version    int    `json:"version"` // the protocol level
	Topic      string `json:"topic"`   // below which no other test publishes
	CAFile     string `json:"caFile,omitempty"`
	Shared     bool   `json:"shared"` // subscriptions are available
	Large      int    `json:"large"`  // bytes
	Reconnects int    `json:"reconnects"`

	Chromium string `json:"chromium,omitempty"` // program
	Profile  string `json:"profile,omitempty"`  // empty folder
	Page     string `json:"page,omitempty"`     // URL
	KeyPin   string `json:"keyPin,omitempty"`   // of the one certificate that is trusted: base64 SHA-256 of its key
}

// run runs a script in mqttjs, and has a subtest of each result.
func (s script) run(t *testing.T, name string) {
	t.Helper()
	options, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), scriptPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", name, string(options))
	cmd.Dir = "mqttjs"
	cmd.WaitDelay = time.Second
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("node %s: %v\n%s%s", name, err, out, errors.String())
	}
	scenarios := 0
	for line := range bytes.Lines(out) {
		var result struct {
			Name  string
			Error json.RawMessage
		}
		if err := json.Unmarshal(line, &result); err != nil {
			t.Errorf("node %s printed %q: %v", name, line, err)
			continue
		}
		scenarios++
		t.Run(result.Name, func(t *testing.T) { report(t, result.Error) })
	}
	if scenarios != 7 {
		t.Errorf("node %s ran %d scenarios, want 7: %s", name, scenarios, errors.String())
	}
}

// report fails or skips a test by a scenario's result: nothing, a text, or why it was left out.
func report(t *testing.T, result json.RawMessage) {
	var leftOut struct{ Skip string }
	var failed string
	switch {
	case len(result) == 0 || string(result) == "null":
	case json.Unmarshal(result, &leftOut) == nil && leftOut.Skip != "":
		t.Skip(leftOut.Skip)
	case json.Unmarshal(result, &failed) == nil:
		t.Error(failed)
	default:
		t.Errorf("a result that is none: %s", result)
	}
}

// needs skips a test where a tool is missing; CI has them all.
func needs(t *testing.T, tools map[string]string) {
	t.Helper()
	lack := func(reason string) {
		if os.Getenv("CI") != "" {
			t.Fatal(reason)
		}
		t.Skip(reason)
	}
	for tool, debian := range tools {
		if _, err := exec.LookPath(tool); err != nil {
			lack(fmt.Sprintf("there is no %s: install Debian's package %s, or run `make test`, which does", tool, debian))
		}
	}
	if _, err := os.Stat("mqttjs/node_modules/mqtt"); err != nil {
		lack("mqtt.js is not installed: run `hack/npm.sh test/interop/mqttjs`, or `make test`, which does")
	}
}

// TestMQTTJS is mqtt.js on Node.js over every transport.
func TestMQTTJS(t *testing.T) {
	t.Parallel()
	needs(t, map[string]string{"node": "nodejs"})
	c, certificate := everywhere(t)
	b := serve(t, c)
	for version, name := range map[int]string{4: "3.1.1", 5: "5"} {
		for _, tr := range transports {
			t.Run(name+"/"+tr.scheme, func(t *testing.T) {
				before := b.sockets(t)
				script{
					URL: b.url(tr.scheme), Version: version, Topic: t.Name(), CAFile: certificate,
					Shared: b.shares(t), Large: large, Reconnects: reconnects,
				}.run(t, "node.js")
				b.eventually(t, "all connections are closed", func() bool { return b.sockets(t) <= before })
			})
		}
	}
}

// TestMQTTJSInChromium is mqtt.js in a page, over secure WebSocket. The page's origin is the only one that may.
func TestMQTTJSInChromium(t *testing.T) {
	t.Parallel()
	needs(t, map[string]string{"node": "nodejs", "chromium": "chromium"})
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	pages := http.NewServeMux()
	for path, file := range map[string]string{
		"/": "mqttjs/page.html", "/scenarios.js": "mqttjs/scenarios.js", "/mqtt.min.js": "mqttjs/node_modules/mqtt/dist/mqtt.min.js",
	} {
		pages.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { http.ServeFile(w, r, file) })
	}
	site := httptest.NewServer(pages)
	defer site.Close()
	c, certificate := everywhere(t)
	c.Listeners[3].Origins = []string{site.URL}
	b := serve(t, c)
	s := script{
		URL: b.url("wss"), Shared: b.shares(t), Large: large, Reconnects: reconnects,
		Chromium: chromium, Page: site.URL + "/", KeyPin: keyPin(t, certificate),
	}
	for _, version := range []int{4, 5} {
		t.Run(fmt.Sprint("level ", version), func(t *testing.T) {
			s.Version, s.Topic, s.Profile = version, "chromium/"+fmt.Sprint(version), t.TempDir()
			s.run(t, "browser.js")
		})
	}
}

// keyPin is how Chromium is told to trust a certificate.
func keyPin(t *testing.T, certificate string) string {
	t.Helper()
	data, err := os.ReadFile(certificate)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return base64.StdEncoding.EncodeToString(sum[:])
}
