package filewatch

import (
	"context"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// watch runs Watch and returns the channel on which each call of changed arrives, the first one taken.
func watch(t *testing.T, paths ...string) <-chan struct{} {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	calls, done := make(chan struct{}, 100), make(chan error, 1)
	go func() {
		done <- Watch(ctx, paths, slog.New(slog.NewTextHandler(io.Discard, nil)), func() { calls <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Watch() = %v", err)
		}
	})
	await(t, calls, "the call when the watch is armed")
	return calls
}

func await(t *testing.T, calls <-chan struct{}, what string) {
	t.Helper()
	select {
	case <-calls:
	case <-time.After(5 * time.Second): // far below pollEvery
		t.Fatalf("not told of: %s", what)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func relink(t *testing.T, target, link string) {
	t.Helper()
	if err := os.Symlink(target, link+".new"); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(link+".new", link); err != nil {
		t.Fatal(err)
	}
}

func TestWatchTellsOf(t *testing.T) {
	tests := []struct {
		name  string
		setup func(t *testing.T, dir string) (path string)
		steps []func(t *testing.T, dir string)
	}{
		{"a file written twice", func(t *testing.T, dir string) string {
			write(t, dir+"/f", "0")
			return dir + "/f"
		}, []func(*testing.T, string){
			func(t *testing.T, dir string) { write(t, dir+"/f", "1") },
			func(t *testing.T, dir string) { write(t, dir+"/f", "2") },
		}},
		{"a file replaced by rename, as editors do", func(t *testing.T, dir string) string {
			write(t, dir+"/f", "0")
			return dir + "/f"
		}, []func(*testing.T, string){
			func(t *testing.T, dir string) { write(t, dir+"/g", "1"); must(t, os.Rename(dir+"/g", dir+"/f")) },
			func(t *testing.T, dir string) { must(t, os.Remove(dir+"/f")) },
			func(t *testing.T, dir string) { write(t, dir+"/f", "2") },
		}},
		{"a file in a folder that is not there yet", func(t *testing.T, dir string) string {
			return dir + "/a/b/f"
		}, []func(*testing.T, string){
			func(t *testing.T, dir string) { must(t, os.Mkdir(dir+"/a", 0o755)) },
			func(t *testing.T, dir string) { must(t, os.Mkdir(dir+"/a/b", 0o755)) },
			func(t *testing.T, dir string) { write(t, dir+"/a/b/f", "1") },
		}},
		{"a file in a Kubernetes volume", kubernetesVolume("tls.crt"), kubernetesSwaps},
		{"a Kubernetes volume", kubernetesVolume(""), kubernetesSwaps},
		{"a folder behind a link that is swapped, and then written to", func(t *testing.T, dir string) string {
			write(t, dir+"/v1/f", "1")
			relink(t, "v1", dir+"/now")
			return dir + "/now/f"
		}, []func(*testing.T, string){
			func(t *testing.T, dir string) { write(t, dir+"/v2/f", "2"); relink(t, "v2", dir+"/now") },
			func(t *testing.T, dir string) { write(t, dir+"/v2/f", "3") },
			func(t *testing.T, dir string) { write(t, dir+"/v3/f", "4"); relink(t, "v3", dir+"/now") },
			func(t *testing.T, dir string) { write(t, dir+"/v3/f", "5") },
		}},
		{"a file behind a link into another folder", func(t *testing.T, dir string) string {
			write(t, dir+"/far/f", "1")
			write(t, dir+"/near/x", "")
			relink(t, "../far/f", dir+"/near/f")
			return dir + "/near/f"
		}, []func(*testing.T, string){func(t *testing.T, dir string) { write(t, dir+"/far/f", "2") }}},
		{"a folder replaced as a whole", func(t *testing.T, dir string) string {
			write(t, dir+"/auth/f", "1")
			return dir + "/auth/f"
		}, []func(*testing.T, string){
			func(t *testing.T, dir string) {
				write(t, dir+"/new/f", "2")
				must(t, os.Rename(dir+"/auth", dir+"/old"))
				must(t, os.Rename(dir+"/new", dir+"/auth"))
			},
			func(t *testing.T, dir string) { write(t, dir+"/auth/f", "3") },
		}},
		{"a file made readable", func(t *testing.T, dir string) string {
			write(t, dir+"/f", "0")
			must(t, os.Chmod(dir+"/f", 0))
			return dir + "/f"
		}, []func(*testing.T, string){func(t *testing.T, dir string) { must(t, os.Chmod(dir+"/f", 0o600)) }}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			calls := watch(t, test.setup(t, dir))
			for i, step := range test.steps {
				step(t, dir)
				await(t, calls, "step "+string(rune('1'+i)))
				settle(calls)
			}
		})
	}
}

// settle takes the further calls that one step's events may lead to.
func settle(calls <-chan struct{}) {
	for {
		select {
		case <-calls:
		case <-time.After(3 * quiet):
			return
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// kubernetesVolume lays a folder out as the kubelet does and returns file in it.
func kubernetesVolume(file string) func(t *testing.T, dir string) string {
	return func(t *testing.T, dir string) string {
		write(t, dir+"/vol/..2026_1/tls.crt", "1")
		relink(t, "..2026_1", dir+"/vol/..data")
		relink(t, "..data/tls.crt", dir+"/vol/tls.crt")
		return filepath.Join(dir, "vol", file)
	}
}

var kubernetesSwaps = []func(*testing.T, string){swapTo("..2026_2"), swapTo("..2026_3")}

// swapTo leaves the old folder there: it is the swap that must be noticed.
func swapTo(next string) func(*testing.T, string) {
	return func(t *testing.T, dir string) {
		write(t, dir+"/vol/"+next+"/tls.crt", next)
		relink(t, next, dir+"/vol/..data")
	}
}

func TestWatchGathersAChange(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "0")
	calls := watch(t, dir)
	for range 200 {
		write(t, dir+"/f", "1")
	}
	await(t, calls, "200 writes")
	settle(calls) // the writes may have taken longer than one quiet time
	if n := len(calls); n > 5 {
		t.Errorf("%d calls left for one burst of writes", n)
	}
}

func TestWatchIgnoresOtherFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "0")
	calls := watch(t, dir+"/f")
	write(t, dir+"/other", "1")
	select {
	case <-calls:
		t.Error("told of a file that is not watched")
	case <-time.After(3 * quiet):
	}
}

func TestObserveSeesWhatAPollMustSee(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/f", "0")
	paths := []string{dir + "/d", dir + "/missing"}
	last := observe(paths)
	if !observe(paths).equal(last) {
		t.Fatal("two looks at the same files differ")
	}
	steps := map[string]func(){
		"size":     func() { write(t, dir+"/d/f", "longer") },
		"time":     func() { must(t, os.Chtimes(dir+"/d/f", time.Time{}, time.Unix(1, 0))) },
		"new file": func() { write(t, dir+"/d/g", "") },
		"link":     func() { write(t, dir+"/far", "0"); relink(t, "../far", dir+"/d/f") },
		"appeared": func() { write(t, dir+"/missing", "") },
		"gone":     func() { must(t, os.Remove(dir+"/d/g")) },
	}
	for _, name := range []string{"size", "time", "new file", "link", "appeared", "gone"} {
		steps[name]()
		now := observe(paths)
		if now.equal(last) {
			t.Errorf("%s: a poll would not see it", name)
		}
		last = now
	}
}

// TestWatchPolls has no events at all, as where inotify is exhausted.
func TestWatchPolls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		write(t, dir+"/f", "0")
		var calls atomic.Int32
		w := &watcher{paths: []string{dir + "/f"}, log: slog.New(slog.DiscardHandler), changed: func() { calls.Add(1) }}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.run(ctx) }()
		for step, change := range []bool{false, true, false, true} {
			synctest.Wait()
			before := calls.Load()
			if change {
				write(t, dir+"/f", strings.Repeat("1", step))
			}
			time.Sleep(pollEvery)
			synctest.Wait()
			if told := calls.Load() != before; told != change {
				t.Errorf("poll %d: told %v, want %v", step, told, change)
			}
		}
		cancel()
		<-done
	})
}

func TestWatchNeedsPaths(t *testing.T) {
	if err := Watch(t.Context(), nil, slog.Default(), func() {}); err == nil {
		t.Error("Watch() of nothing = nil, want an error")
	}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "12345")
	relink(t, "f", dir+"/link")
	tests := []struct {
		path  string
		limit int64
		want  string
		err   string
	}{
		{dir + "/f", 5, "12345", ""},
		{dir + "/link", 5, "12345", ""},
		{dir + "/f", 4, "", "more than 4 bytes"},
		{dir + "/none", 5, "", "no such file"},
		{dir, 5, "", "not a regular file"},
		{"/dev/zero", 5, "", "not a regular file"},
	}
	for _, test := range tests {
		got, err := Read(test.path, test.limit)
		if string(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("Read(%s, %d) = %q, %v; want %q, %q", test.path, test.limit, got, err, test.want, test.err)
		}
	}
}

// TestWatchRelative: in the current folder an event is of "./name", and the path given of "name".
func TestWatchRelative(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "passwd", "old")
	calls := watch(t, "passwd")
	write(t, "passwd", "new")
	await(t, calls, "a change of a file in the current folder")
}
