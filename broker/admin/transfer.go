package admin

import (
	"fmt"
	"net/http"
	"time"
)

// one lets only one backup or restore at a time be under way; another one gets 409.
func (a *endpoints) one(transfer http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !a.transfer.TryLock() {
			text(w, http.StatusConflict, "another backup or restore is under way: try again when it is done")
			return
		}
		defer a.transfer.Unlock()
		transfer(w, r)
	}
}

// backup answers with the stream of a backup. If that breaks off, so does the connection, in the midst of a chunked
// body: a caller cannot take a part for the whole.
func (a *endpoints) backup(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method != http.MethodGet: // HEAD: it would read the whole store for nothing
		w.Header().Set("Allow", http.MethodGet)
		text(w, http.StatusMethodNotAllowed, "a backup is taken by GET")
		return
	case a.Backup == nil:
		text(w, http.StatusConflict, "there is nothing to back up: the store keeps nothing (sync is Memory, or store.dir is not set)")
		return
	}
	out := &pacedWriter{to: w, control: http.NewResponseController(w), patience: a.patience}
	w.Header().Set("Content-Type", "application/octet-stream")
	err := a.Backup(r.Context(), out)
	if err == nil {
		err = out.failed
	}
	switch {
	case err == nil:
		a.Log.Info("backup sent", "peer", r.RemoteAddr, "bytes", out.bytes)
	case out.bytes == 0 && out.failed == nil:
		a.Log.Error("backup failed", "peer", r.RemoteAddr, "reason", err.Error())
		text(w, http.StatusInternalServerError, err.Error())
	default:
		a.Log.Error("backup broke off", "peer", r.RemoteAddr, "bytes", out.bytes, "reason", err.Error())
		panic(http.ErrAbortHandler) // how net/http wants it
	}
}

// restore takes the stream of a backup, and says whether it is good.
func (a *endpoints) restore(w http.ResponseWriter, r *http.Request) {
	if a.Restore == nil {
		text(w, http.StatusConflict, "there is nothing to restore into: the store keeps nothing (sync is Memory, or store.dir is not set)")
		return
	}
	in := &pacedReader{from: r.Body, control: http.NewResponseController(w), patience: a.patience}
	err := a.Restore(r.Context(), in)
	if deadline := in.control.SetWriteDeadline(time.Now().Add(callTimeout)); deadline != nil {
		a.Log.Warn("answer to a restore may not arrive", "peer", r.RemoteAddr, "reason", deadline.Error())
	}
	switch {
	case err == nil:
		a.Log.Info("restore accepted", "peer", r.RemoteAddr, "bytes", in.bytes)
		text(w, http.StatusOK, "restored: the broker starts again with it")
	case in.failed != nil:
		a.Log.Error("restore broke off", "peer", r.RemoteAddr, "bytes", in.bytes, "reason", in.failed.Error())
		text(w, http.StatusBadRequest, fmt.Sprintf("the upload broke off after %d bytes: %v; nothing was changed", in.bytes, in.failed))
	default:
		a.Log.Error("restore refused", "peer", r.RemoteAddr, "bytes", in.bytes, "reason", err.Error())
		text(w, http.StatusUnprocessableEntity, fmt.Sprintf("%v; nothing was changed", err))
	}
}
