package password

import (
	"crypto/sha512"
	"encoding/base64"
	"fmt"
)

// Mosquitto is the format of Hash, by its name.
const Mosquitto = formatPBKDF2

// The formats, as an error names them.
const (
	formatSHA512   = "$6$"
	formatPBKDF2   = "$7$"
	formatArgon2id = "$argon2id$"
)

// What a password file can make one verification cost at most, beside MaxIterations. Mosquitto 2.1 uses 46 MiB,
// one pass and one lane.
const (
	maxMemoryKiB = 64 * 1024
	maxPasses    = 8
	maxLanes     = 8
)

// cost is what decides how long a verification takes.
type cost struct {
	format string
	passes uint32 // of $7$ the iterations
	memory uint32 // in KiB; of $argon2id$ only
	lanes  uint8  // of $argon2id$ only
}

// work orders costs of the same format.
func (c cost) work() uint64 {
	return uint64(c.passes) * uint64(c.memory+1)
}

// decoy returns a hash with this cost that is the hash of no password anybody knows: all zeros.
func (c cost) decoy() string {
	salt, sum := make([]byte, SaltBytes), make([]byte, sha512.Size)
	text := base64.StdEncoding.EncodeToString
	raw := base64.RawStdEncoding.EncodeToString
	switch c.format {
	case formatSHA512:
		return fmt.Sprintf("$6$%s$%s", text(salt), text(sum))
	case formatArgon2id:
		return fmt.Sprintf("$argon2id$v=19$m=%d,t=%d,p=%d$%s$%s", c.memory, c.passes, c.lanes, raw(salt), raw(sum))
	}
	return encodePBKDF2(salt, int(c.passes), sum)
}
