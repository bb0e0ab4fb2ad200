package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const mosquittoConf = `
persistence true
persistence_location DIR/store/
password_file DIR/passwd
acl_file DIR/aclfile
bridge_protocol_version mqttv50

listener PORT 127.0.0.1
`

const mosquittoACLs = `topic read open/#
user alice
topic sensors/#
topic deny sensors/secret/#
topic write commands/+/do it
topic read news
pattern write devices/%u/state
pattern readwrite clients/%c
`

// The password is "secret".
const mosquittoPasswords = `alice:$7$101$ECWPJxVlUlGQH5zZ$8xm13AUsPWRXBeN1H6r8EULDhuIR8a6ec0N1pGrnI9WFPXQNXrwKq9w0eCuzYNw7bBdkm1g/968WAzqTfocgqA==
`

// tool is a program of Mosquitto's; without it the test is skipped, but never in CI.
func tool(t *testing.T, name, debian string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") != "" {
		t.Fatalf("%s is missing: hack/packages.sh %s:%s", name, name, debian)
	}
	if err != nil {
		t.Skipf("%s is missing: install Debian's package %s", name, debian)
	}
	return path
}

// mosquittoFiles writes the files into a folder of their own, and returns the configuration and its port.
func mosquittoFiles(t *testing.T) (conf, port string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ = net.SplitHostPort(ln.Addr().String())
	_ = ln.Close()
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "store"), 0o777); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"mosquitto.conf": mosquittoConf, "aclfile": mosquittoACLs, "passwd": mosquittoPasswords} {
		text = strings.NewReplacer("DIR", dir, "PORT", port).Replace(text)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "mosquitto.conf"), port
}

// runMosquittoConf runs the file until the test ends, and returns its port, the folder, and what it says.
func runMosquittoConf(t *testing.T) (port, conf string, out *output) {
	t.Helper()
	conf, port = mosquittoFiles(t)
	ctx, cancel := context.WithCancel(context.Background())
	out = &output{}
	ended := make(chan int)
	go func() {
		ended <- execute(ctx, []string{"run", "--mosquitto-conf", conf, "--state-dir", t.TempDir()}, streams{strings.NewReader(""), out, out})
	}()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != exitOK {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
	eventually(t, "it listens", func() bool { return strings.Contains(out.String(), "listens on 127.0.0.1:"+port) })
	return port, conf, out
}

// runRealMosquitto runs the file with Mosquitto, and returns its port.
func runRealMosquitto(t *testing.T) string {
	t.Helper()
	program := tool(t, "mosquitto", "mosquitto")
	conf, port := mosquittoFiles(t)
	data, err := os.ReadFile(conf)
	if err != nil {
		t.Fatal(err)
	}
	alone := strings.ReplaceAll(string(data), "bridge_protocol_version mqttv50\n", "user "+os.Getenv("USER")+"\n")
	if os.Geteuid() == 0 {
		alone = strings.ReplaceAll(string(data), "bridge_protocol_version mqttv50\n", "user root\n")
	}
	if err := os.WriteFile(conf, []byte(alone), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", conf)
	var said output
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("mosquitto said:\n%s", &said)
		}
	})
	eventually(t, "mosquitto listens", func() bool {
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			_ = nc.Close()
		}
		return err == nil
	})
	return port
}

// TestMosquittoDecides: who gets in and what they may publish is as with Mosquitto itself.
func TestMosquittoDecides(t *testing.T) {
	pub := tool(t, "mosquitto_pub", "mosquitto-clients")
	real := runRealMosquitto(t)
	ours, _, out := runMosquittoConf(t)
	if !strings.Contains(out.String(), "bridge_protocol_version: there are no bridges") && !strings.Contains(out.String(), "bridge_protocol_version") {
		t.Errorf("what is left out is not said:\n%s", out)
	}
	try := func(port, user, password, topic string) string {
		args := []string{"-h", "127.0.0.1", "-p", port, "-V", "5", "-q", "1", "-i", "device-7", "-t", topic, "-m", "x"}
		if user != "" {
			args = append(args, "-u", user, "-P", password)
		}
		output, err := exec.Command(pub, args...).CombinedOutput()
		switch {
		case err != nil:
			return "refused"
		case strings.Contains(string(output), "Not authorized"):
			return "denied"
		}
		return "published"
	}
	for _, test := range []struct{ user, password, topic, want string }{
		{"alice", "secret", "sensors/1", "published"},
		{"alice", "secret", "sensors/secret/1", "denied"},
		{"alice", "secret", "commands/7/do it", "published"},
		{"alice", "secret", "commands/7/do not", "denied"},
		{"alice", "secret", "news", "denied"},
		{"alice", "secret", "open/1", "denied"},
		{"alice", "secret", "devices/alice/state", "published"},
		{"alice", "secret", "devices/bob/state", "denied"},
		{"alice", "secret", "clients/device-7", "published"},
		{"alice", "secret", "clients/device-8", "denied"},
		{"alice", "wrong", "sensors/1", "refused"},
		{"bob", "secret", "sensors/1", "refused"},
		{"", "", "open/1", "refused"},
	} {
		name := fmt.Sprintf("%s/%s: %s", test.user, test.password, test.topic)
		if got := try(real, test.user, test.password, test.topic); got != test.want {
			t.Errorf("mosquitto, %s: %s, and not %s", name, got, test.want)
		}
		if got := try(ours, test.user, test.password, test.topic); got != test.want {
			t.Errorf("dunlin, %s: %s, and not %s", name, got, test.want)
		}
	}
}

// TestMosquittoFollows: an edit of the ACL file takes effect, and messages get through.
func TestMosquittoFollows(t *testing.T) {
	pub, sub := tool(t, "mosquitto_pub", "mosquitto-clients"), tool(t, "mosquitto_sub", "mosquitto-clients")
	port, conf, _ := runMosquittoConf(t)
	as := []string{"-h", "127.0.0.1", "-p", port, "-V", "5", "-u", "alice", "-P", "secret"}
	aclfile := filepath.Join(filepath.Dir(conf), "aclfile")
	if err := os.WriteFile(aclfile, []byte(mosquittoACLs+"user alice\ntopic new/#\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new rule is in force", func() bool {
		output, err := exec.Command(pub, append(as, "-q", "1", "-r", "-t", "new/1", "-m", "hello")...).CombinedOutput()
		return err == nil && !strings.Contains(string(output), "Not authorized")
	})
	output, err := exec.Command(sub, append(as, "-C", "1", "-W", "30", "-t", "new/#")...).CombinedOutput()
	if err != nil || strings.TrimSpace(string(output)) != "hello" {
		t.Errorf("%s, %v", output, err)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(conf), "store", "dunlin")); err != nil {
		t.Errorf("the store is not beside Mosquitto's: %v", err)
	}
}

// TestImport: the command's output and exit codes.
func TestImport(t *testing.T) {
	conf, _ := mosquittoFiles(t)
	call := func(args ...string) (int, string, string) {
		var out, said bytes.Buffer
		code := execute(context.Background(), append([]string{"import"}, args...), streams{strings.NewReader(""), &out, &said})
		return code, out.String(), said.String()
	}
	code, out, said := call(conf, "--name", "edge")
	if code != exitPartly || !strings.Contains(out, "kind: Broker") || !strings.Contains(out, "passwordHash: $7$101$") ||
		!strings.Contains(said, "not converted: bridge_protocol_version") || !strings.Contains(said, "1 setting not converted") {
		t.Errorf("exit code %d\n%s\n%s", code, out, said)
	}
	dir := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(conf, []byte("listener 1883\nallow_anonymous true\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, said = call(conf, "-o", dir); code != exitOK || !strings.Contains(out, filepath.Join(dir, "broker.yaml")) {
		t.Errorf("exit code %d\n%s\n%s", code, out, said)
	}
	var checked, wrong bytes.Buffer
	if code := execute(context.Background(), []string{"validate", "-f", dir}, streams{strings.NewReader(""), &checked, &wrong}); code != exitOK {
		t.Errorf("what was imported is not valid:\n%s%s", &checked, &wrong)
	}
	for _, args := range [][]string{{conf + ".none"}, {conf, "--name", "Not A Name"}, {}} {
		want := exitUsage
		if len(args) == 1 {
			want = exitFailed
		}
		if code, _, said := call(args...); code != want || said == "" {
			t.Errorf("%v: exit code %d, want %d: %s", args, code, want, said)
		}
	}
}
