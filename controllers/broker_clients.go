package controllers

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	coreac "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/pki"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// annotationRenewed has, on a connection Secret, what its client certificate was last forced by.
const annotationRenewed = "mqtt.dunlin.dev/renewed-for"

// defaultUserDuration is the CRD's default.
const defaultUserDuration = 90 * 24 * time.Hour

// reconcileClientTrust keeps the ledger of the client certificates that the own CA issues to Users, and
// what the pods verify certificates by: the CA, and the list of those that the ledger has as revoked. The
// ledger is written first: a certificate that is not in it is not issued.
func (r *BrokerReconciler) reconcileClientTrust(ctx context.Context, s *brokerScope, memo *authMemo) error {
	if len(s.authority.Current.CertPEM) == 0 {
		return nil // the CA's own fault, which is told
	}
	var revoked []pki.Revoked
	for shard := range memo.ledgers {
		ledger := &memo.ledgers[shard]
		secret, err := r.peek(ctx, s.broker.Namespace, children.ClientLedgerName(s.broker, shard))
		if err != nil {
			return err
		}
		if memo.unsettled.has(shard) || !ledger.secret.is(secret) {
			if err := r.settleLedger(ctx, s, memo, shard); err != nil {
				return err
			}
		}
		revoked = append(revoked, ledger.revoked...)
	}
	return r.reconcileRevocations(ctx, s, revoked)
}

// settleLedger brings one shard of the ledger to what its holders need.
func (r *BrokerReconciler) settleLedger(ctx context.Context, s *brokerScope, memo *authMemo, shard int) error {
	memo.unsettled.add(shard)
	var wanted []pki.Wanted
	for i := range memo.shards {
		for _, h := range memo.shards[i].holders[shard] {
			m, err := r.memberOf(ctx, h)
			if err != nil {
				return err
			}
			if m != nil {
				wanted = append(wanted, wantedCertificate(s.broker, *m))
			}
		}
	}
	var err error
	if memo.ledgers[shard], err = r.reconcileLedger(ctx, s, shard, wanted); err != nil {
		return err
	}
	memo.unsettled.remove(shard)
	return nil
}

// memberOf is the holder as it is now; nil: it has gone, or its Secret has.
func (r *BrokerReconciler) memberOf(ctx context.Context, h holder) (*member, error) {
	u := &v1alpha1.User{}
	err := r.Get(ctx, h.user, u, client.UnsafeDisableDeepCopy)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("get User %s: %w", h.user, err)
	}
	if err != nil || u.UID != h.uid || u.Spec.Authentication.ClientCertificate == nil {
		return nil, nil
	}
	secret, err := r.peek(ctx, u.Namespace, connectionSecretName(u))
	if secret == nil || err != nil {
		return nil, err
	}
	return &member{u, secret}, nil
}

// wantsCertificate says whether a User shall have a client certificate of the Broker's own CA.
func wantsCertificate(b *v1alpha1.Broker, u *v1alpha1.User) bool {
	return u.Spec.Authentication.ClientCertificate != nil && render.OwnClientCA(b.Spec.TLS)
}

// wantedCertificate is what a member shall have a client certificate for.
func wantedCertificate(b *v1alpha1.Broker, m member) pki.Wanted {
	c := userCertificate(b, m.user)
	w := pki.Wanted{
		ID: string(m.user.UID), Object: m.user.Namespace + "/" + m.user.Name,
		Username: c.Username, Field: c.Field, Duration: c.Duration, Forced: m.secret.Annotations[annotationRenewed],
	}
	w.Leaf, _ = pki.Leaf(m.secret.Data[corev1.TLSCertKey]) // one that is spoiled is the User's pass' business
	return w
}

// userCertificate is the client certificate that a User is to have.
func userCertificate(b *v1alpha1.Broker, u *v1alpha1.User) pki.UserCertificate {
	spec := u.Spec.Authentication.ClientCertificate
	c := pki.UserCertificate{
		Username: render.Username(u), Field: render.UsernameField(b),
		Duration:    time.Duration(spec.DurationSeconds) * time.Second,
		RenewBefore: time.Duration(spec.RenewBeforeSeconds) * time.Second,
	}
	if c.Duration == 0 {
		c.Duration = defaultUserDuration
	}
	return c
}

// reconcileLedger keeps one shard of the ledger, and returns in which state, and what is revoked in it.
func (r *BrokerReconciler) reconcileLedger(ctx context.Context, s *brokerScope, shard int, wanted []pki.Wanted) (ledgerMemo, error) {
	b, name := s.broker, children.ClientLedgerName(s.broker, shard)
	secret, err := r.child(ctx, b, name)
	if err != nil || secret == nil && len(wanted) == 0 {
		return ledgerMemo{}, err
	}
	if secret == nil { // the cache may lag behind what this pass is about to forget
		if secret, err = r.secret(ctx, b.Namespace, name); err != nil {
			return ledgerMemo{}, err
		}
	}
	desired, revoked, err := nextLedger(b, shard, secret, wanted, s.now)
	if err != nil {
		return ledgerMemo{}, err
	}
	if desired == nil {
		return ledgerMemo{}, r.remove(ctx, b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: b.Namespace}})
	}
	wrote, err := r.applyNoting(ctx, b, desired)
	return ledgerMemo{wrote, revoked}, err
}

// nextLedger is the Secret with the next state of a shard; nil if nothing is in it any more.
func nextLedger(b *v1alpha1.Broker, shard int, current *corev1.Secret, wanted []pki.Wanted, now time.Time) (
	*coreac.SecretApplyConfiguration, []pki.Revoked, error,
) {
	name := children.ClientLedgerName(b, shard)
	var data []byte
	if current != nil {
		data = current.Data[children.KeyLedger]
	}
	ledger, err := pki.ParseLedger(data)
	if err != nil {
		// Going on would forget who must not get in.
		return nil, nil, &faultError{v1alpha1.ReasonInvalidSecret, fmt.Sprintf(
			"Secret %s/%s: %s: restore it, or delete it, and the Secret %s, to get a new CA", b.Namespace, name, err, children.CAKeyName(b))}
	}
	ledger = ledger.Update(wanted, now)
	if data, err = ledger.Encode(); err != nil || data == nil {
		return nil, nil, err
	}
	if len(data) > render.MaxShardBytes {
		return nil, nil, &faultError{v1alpha1.ReasonLedgerTooLarge, fmt.Sprintf(
			"Secret %s/%s would have %d bytes, more than fit: too many Users with client certificates, or revoked ones that have not expired",
			b.Namespace, name, len(data))}
	}
	desired := children.ClientLedger(b, shard, data)
	if current != nil { // what another pass has put in since is not to be lost
		desired.WithResourceVersion(current.ResourceVersion)
	}
	return desired, ledger.Revoked, nil
}

// reconcileRevocations keeps the Secret that the pods verify client certificates by.
func (r *BrokerReconciler) reconcileRevocations(ctx context.Context, s *brokerScope, revoked []pki.Revoked) error {
	b, name := s.broker, children.ClientCAName(s.broker)
	if !render.OwnClientCA(b.Spec.TLS) {
		return r.remove(ctx, b, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: b.Namespace}})
	}
	secret, err := r.secret(ctx, b.Namespace, name)
	if err != nil {
		return err
	}
	var kept []byte
	if secret != nil {
		kept = secret.Data[children.KeyCRL]
	}
	lists, renew, err := pki.RevocationLists(kept, s.authority.Trusted(), revoked, s.now)
	if err != nil {
		return err
	}
	if len(lists) > render.MaxShardBytes {
		return &faultError{v1alpha1.ReasonLedgerTooLarge, fmt.Sprintf(
			"%d revoked client certificates that have not expired are more than fit into Secret %s/%s", len(revoked), b.Namespace, name)}
	}
	s.certs.wakeAt(renew)
	s.clientTrust = config.ClientTrustSum(s.authority.Bundle(), lists)
	return r.apply(ctx, b, children.ClientCA(b, s.authority.Bundle(), lists))
}
