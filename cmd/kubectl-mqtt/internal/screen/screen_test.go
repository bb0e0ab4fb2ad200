package screen

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func colored(out *strings.Builder) *Screen {
	return &Screen{Out: out, Color: true, Terminal: true, size: func() (int, int) { return 20, 3 }}
}

// TestNew: neither a file nor a pipe has colours, whatever the environment says.
func TestNew(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // a test's
	for _, s := range []*Screen{New(file, func(string) string { return "" }), New(&strings.Builder{}, os.Getenv)} {
		if s.Color || s.Terminal || s.Paint(Red, "x") != "x" {
			t.Errorf("%+v", s)
		}
	}
}

func TestTable(t *testing.T) {
	table := &Table{Columns: []Column{{Name: "NAME"}, {Name: "N", Right: true}, {Name: "MORE", Wide: true}, {Name: "LAST"}}}
	table.Add("ü\x1b[31m", "1", "m", "")
	table.AddStyled(Cell{"b", Green}, Cell{"1000", Plain}, Cell{"", Plain}, Cell{"l", Plain})
	plain := &Screen{}
	for _, test := range []struct {
		wide bool
		want []string
	}{
		{false, []string{
			" NAME           N   LAST",
			" ü\\x1b[31m      1   -",
			" b           1000   l",
		}},
		{true, []string{
			" NAME           N   MORE   LAST",
			" ü\\x1b[31m      1   m      -",
			" b           1000   -      l",
		}},
	} {
		if diff := cmp.Diff(test.want, plain.Lines(table, test.wide, " ")); diff != "" {
			t.Errorf("wide %v:\n%s", test.wide, diff)
		}
	}
	if got := colored(nil).Lines(table, false, "")[2]; got != "\x1b[32mb\x1b[0m           1000   l" {
		t.Errorf("%q", got)
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"sensors/ü/温度": "sensors/ü/温度", "a\x1b]0;x\a": `a\x1b]0;x\a`, "a\nb": `a\nb`, "\xff\xfe": `\xff\xfe`,
		"a\u202eb": `a\u202eb`, "\u0085": `\u0085`, "": "",
	} {
		if got := Clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  string
	}{
		{"abc", 3, "abc"}, {"abcd", 3, "ab…"}, {"abc", 0, ""}, {"üöäß", 2, "ü…"},
		{"\x1b[31mabcd\x1b[0m", 3, "\x1b[31mab…\x1b[0m"}, {"\x1b[31mabc\x1b[0m", 3, "\x1b[31mabc\x1b[0m"},
		{"\x1b[31ma\x1b[0mbcd", 3, "\x1b[31ma\x1b[0mb…"},
	} {
		if got := cut(test.text, test.width); got != test.want {
			t.Errorf("%q to %d: %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Count(0): "0", Count(999): "999", Count(1000): "1,000", Count(uint64(12345678)): "12,345,678", Count(-1): "0",
		Rate(0): "0/s", Rate(0.25): "0.2/s", Rate(3): "3/s", Rate(9999.6): "10,000/s",
		Bytes(0): "0 B", Bytes(1023): "1023 B", Bytes(1024): "1.0 KiB", Bytes(1536): "1.5 KiB", Bytes(1<<20 - 1): "1.0 MiB",
		Bytes(5 << 40): "5.0 TiB", Bytes(1<<63 - 1): "8.0 EiB",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 59 * time.Second: "59s", 200 * time.Second: "3m20s", 5 * time.Minute: "5m", 59 * time.Minute: "59m",
		150 * time.Minute: "2h30m", 30 * time.Hour: "30h", 50 * time.Hour: "2d2h", 90 * 24 * time.Hour: "90d",
	} {
		if got := Span(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

// TestEncode: both formats parse back into what was printed.
func TestEncode(t *testing.T) {
	type thing struct {
		Name string   `json:"theName"`
		List []string `json:"list"`
	}
	want := thing{"a: b", []string{"<1>"}}
	for _, format := range []Format{FormatJSON, FormatYAML} {
		var out strings.Builder
		if err := New(&out, os.Getenv).Encode(format, want); err != nil {
			t.Fatal(err)
		}
		var got thing
		read := json.Unmarshal
		if format == FormatYAML {
			read = func(data []byte, v any) error { return yaml.UnmarshalStrict(data, v) }
		}
		if err := read([]byte(out.String()), &got); err != nil || !cmp.Equal(got, want) {
			t.Errorf("%s: %v\n%s", format, err, out.String())
		}
	}
	var f Format
	if err := f.Set("xml"); err == nil || err.Error() != "must be one of table, wide, json, yaml" {
		t.Error(err)
	}
}

// TestLive: each frame is drawn over the last, cut to the terminal, which is given back whatever ends the view.
func TestLive(t *testing.T) {
	var out strings.Builder
	s, frames := colored(&out), 0
	failed := errors.New("broker gone")
	err := s.Live(t.Context(), time.Millisecond, func(height int) ([]string, error) {
		if frames++; frames == 3 {
			return nil, failed
		}
		return []string{"one", strings.Repeat("x", 30), "three", "four"}, nil
	})
	frame := "\x1b[Hone\x1b[K\r\n" + strings.Repeat("x", 19) + "…\x1b[K\r\nthree\x1b[K\x1b[J"
	if want := enterView + frame + frame + leaveView; out.String() != want || !errors.Is(err, failed) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, out.String()))
	}
	out.Reset()
	ctx, cancel := context.WithCancel(t.Context())
	err = s.Live(ctx, time.Hour, func(int) ([]string, error) { cancel(); return nil, errors.New("cancelled") })
	if err != nil || out.String() != enterView+leaveView {
		t.Errorf("ended by Ctrl-C: %v, %q", err, out.String())
	}
}
