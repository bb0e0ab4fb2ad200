package render

import (
	"crypto/sha256"
	"fmt"
)

// AdminTokens are the tokens of a Broker's admin API.
type AdminTokens struct {
	Write, Read string
}

// File is the tokens as the broker's admin.tokensFile has them: it needs their sums, and no more.
func (t AdminTokens) File() []byte {
	return fmt.Appendf(nil, "token:Write:%x\nread-token:Read:%x\n", sha256.Sum256([]byte(t.Write)), sha256.Sum256([]byte(t.Read)))
}
