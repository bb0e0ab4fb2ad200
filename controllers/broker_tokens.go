package controllers

import (
	"context"
	"crypto/rand"

	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// reconcileAdminTokens keeps the tokens by which people and programs call the admin API, and returns the file that the pods
// get of them, which has their sums alone. They are made once: deleting the Secret, or one of its keys, says that new ones
// are wanted. Each has 130 random bits.
func (r *BrokerReconciler) reconcileAdminTokens(ctx context.Context, s *brokerScope) ([]byte, error) {
	had, err := r.secret(ctx, s.broker.Namespace, children.AdminTokensName(s.broker))
	if err != nil {
		return nil, err
	}
	var tokens render.AdminTokens
	if had != nil {
		tokens.Write, tokens.Read = string(had.Data[children.KeyToken]), string(had.Data[children.KeyReadToken])
	}
	if tokens.Write == "" {
		tokens.Write = rand.Text()
	}
	if tokens.Read == "" {
		tokens.Read = rand.Text()
	}
	desired := children.AdminTokens(s.broker, tokens.Write, tokens.Read, s.authority.Bundle())
	if had != nil { // what was deleted in the meantime does not come back
		desired.WithResourceVersion(had.ResourceVersion)
	}
	return tokens.File(), r.apply(ctx, s.broker, desired)
}
