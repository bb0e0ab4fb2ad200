package local

import (
	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// rotation is what an earlier run remembered of u's password.
func (k keeper) rotation(u *v1alpha1.User) (render.Rotation, error) {
	data, err := readOptional(k.state.userPath(u, "rotation"))
	return render.ParseRotation(data), err
}

// writeRotation remembers r for the next time.
func (k keeper) writeRotation(u *v1alpha1.User, r render.Rotation) error {
	switch data := r.Encode(); {
	case !k.write:
		return nil
	case data == nil:
		return removeFile(k.state.userPath(u, "rotation"))
	default:
		return writeIfNew(k.state.userPath(u, "rotation"), data)
	}
}

// wakeForPasswords notes when a password is due to change, or one of before to end.
func (p *plan) wakeForPasswords() {
	for _, m := range p.members {
		if next := m.rotation.Next(m.user); !next.IsZero() {
			p.certs.wakeAt(next)
		}
		if !m.rotation.Until.IsZero() {
			p.certs.wakeAt(m.rotation.Until)
		}
	}
}
