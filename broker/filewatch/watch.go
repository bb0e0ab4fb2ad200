package filewatch

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

const (
	// quiet is how long after the first sign of a change the caller is told: files that are replaced together
	// are read together, and a file that is written all the time still gets through.
	quiet = 50 * time.Millisecond
	// pollEvery finds the changes of which no event came: inotify can be exhausted, and network file systems have none.
	pollEvery = 30 * time.Second
)

// Watch calls changed when the watch is armed, so that nothing that happened before is missed, and again after
// every change of one of paths: files, which need not be there yet, or folders, of which every file counts. It may
// call once too often, never concurrently, and follows symbolic links. It returns nil when ctx is done, and an
// error only if paths is empty; where the system cannot tell of changes it polls.
func Watch(ctx context.Context, paths []string, log *slog.Logger, changed func()) error {
	if len(paths) == 0 {
		return fmt.Errorf("watch files: no paths")
	}
	w := &watcher{paths: paths, log: log, changed: changed}
	notify, err := fsnotify.NewWatcher()
	if err != nil {
		log.Warn("file changes are only polled for", "every", pollEvery, "reason", err)
	} else {
		defer notify.Close() //nolint:errcheck // nothing can be done about it
		w.notify, w.events, w.errors = notify, notify.Events, notify.Errors
	}
	w.run(ctx)
	return nil
}

type watcher struct {
	paths   []string
	log     *slog.Logger
	changed func()

	notify *fsnotify.Watcher // nil: poll only
	events <-chan fsnotify.Event
	errors <-chan error

	targets targets
	watched map[string]string // folder -> where it led when it was armed
	state   state
	warned  bool // that a folder cannot be watched
}

func (w *watcher) run(ctx context.Context) {
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	var due <-chan time.Time // set while a change waits to be told
	w.arm()
	w.tell()
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-w.events:
			if !ok {
				w.events = nil
			} else if due == nil && w.targets.concern(e.Name) {
				due = time.After(quiet)
			}
		case err, ok := <-w.errors:
			if !ok {
				w.errors = nil
				continue
			}
			w.log.Warn("file events were lost", "reason", err)
			if due == nil {
				due = time.After(quiet)
			}
		case <-due:
			due = nil
			w.arm()
			w.tell()
		case <-poll.C:
			w.arm()
			if now := observe(w.paths); !now.equal(w.state) {
				w.tell()
			}
		}
	}
}

// tell remembers what the files are like before changed reads them, so that a later change is seen as one.
func (w *watcher) tell() {
	w.state = observe(w.paths)
	w.changed()
}

// arm watches the folders where the paths lead now and lets the others go. A folder that is a symbolic link which
// leads elsewhere now is watched afresh.
func (w *watcher) arm() {
	w.targets = locate(w.paths)
	if w.notify == nil {
		return
	}
	before := w.watched
	w.watched = make(map[string]string, len(w.targets.dirs))
	for dir, resolved := range before {
		if _, ok := w.targets.dirs[dir]; !ok || resolve(dir) != resolved {
			_ = w.notify.Remove(dir) // it may be gone already
		}
	}
	for dir := range w.targets.dirs {
		w.watched[dir] = resolve(dir)
		if err := w.notify.Add(dir); err != nil && !w.warned {
			w.warned = true
			w.log.Warn("file changes are only polled for", "path", dir, "every", pollEvery, "reason", err)
		}
	}
}

// resolve returns where path leads; "" if nowhere.
func resolve(path string) string {
	resolved, err := filepath.EvalSymlinks(path)
	if err != nil {
		return ""
	}
	return resolved
}
