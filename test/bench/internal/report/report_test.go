package report

import (
	"os"
	"path/filepath"
	"testing"
)

func TestSeries(t *testing.T) {
	for want, s := range map[string]Series{"2.0 (1.0 to 3.0)": {3, 1, 2}, "2.5 (1.0 to 4.0)": {4, 1, 3, 2}, "7.0 (7.0 to 7.0)": {7}} {
		if got := s.Text("%.1f"); got != want {
			t.Errorf("%v: %s, want %s", []float64(s), got, want)
		}
	}
	for want, s := range map[string]Series{"0": nil, "0.250": {0.25}, "2.00 (1.00 to 30.0)": {30, 1, 2}, "12345": {12345}, "-1.50": {-1.5}} {
		if got := s.Figures(); got != want {
			t.Errorf("%v: %s, want %s", []float64(s), got, want)
		}
	}
}

func TestInsert(t *testing.T) {
	page := filepath.Join(t.TempDir(), "page.md")
	write := func(s string) {
		if err := os.WriteFile(page, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a\n" + Begin("x") + "old\n" + End("x") + Begin("y") + End("y") + "b\n")
	if err := Insert(page, "x", "new\n"); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(page); string(got) != "a\n"+Begin("x")+"new\n"+End("x")+Begin("y")+End("y")+"b\n" {
		t.Errorf("the page is\n%s", got)
	}
	for _, text := range []string{"no marks", Begin("x"), End("x")} {
		write(text)
		if err := Insert(page, "x", "new\n"); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}
