package controllers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
	"github.com/dunlin-mqtt/dunlin/broker/config"
	"github.com/dunlin-mqtt/dunlin/broker/password"
	"github.com/dunlin-mqtt/dunlin/controllers/access"
	"github.com/dunlin-mqtt/dunlin/controllers/children"
	"github.com/dunlin-mqtt/dunlin/controllers/render"
)

// reconcileAuth writes the users and ACLs: shards first, the manifest that vouches for them last.
// A broker that sees the middle of it finds sums that don't match, and keeps what it has.
func (r *BrokerReconciler) reconcileAuth(ctx context.Context, s *brokerScope) error {
	b := s.broker
	shards, err := r.shards(ctx, b)
	if err != nil {
		return err
	}
	members, err := r.members(ctx, b)
	if err != nil {
		return err
	}
	// A fault with certificates does not keep the users and rules of today from the pods.
	trust := r.reconcileClientTrust(ctx, s, members)
	if trust != nil && asFault(trust) == nil {
		return trust
	}
	acls, err := r.acls(ctx, b, shards)
	if err != nil {
		return err
	}
	begun := time.Now()
	s.bundle, err = render.Auth(accountsOf(members), acls)
	r.metrics.rendered(begun)
	if errors.Is(err, render.ErrTooLarge) {
		return &faultError{v1alpha1.ReasonBundleTooLarge, err.Error()}
	}
	if err != nil {
		return err
	}
	for shard, files := range s.bundle.Shards {
		if files == nil {
			continue
		}
		if err := r.apply(ctx, b, children.AuthShard(b, shard, files)); err != nil {
			return err
		}
	}
	if err := r.apply(ctx, b, children.Auth(b, s.bundle.Manifest)); err != nil {
		return err
	}
	if err := r.removeEmptyShards(ctx, s, shards); err != nil {
		return err
	}
	return trust
}

// removeEmptyShards deletes the Secrets of shards that have nothing in them any more.
func (r *BrokerReconciler) removeEmptyShards(ctx context.Context, s *brokerScope, shards [render.Shards]*corev1.Secret) error {
	for shard, secret := range shards {
		if secret == nil || s.bundle.Shards[shard] != nil {
			continue
		}
		if err := r.remove(ctx, s.broker, secret.DeepCopy()); err != nil {
			return err
		}
	}
	return nil
}

// shards are the Secrets of the bundle as they are; nil where there is none.
func (r *BrokerReconciler) shards(ctx context.Context, b *v1alpha1.Broker) ([render.Shards]*corev1.Secret, error) {
	var out [render.Shards]*corev1.Secret
	var list corev1.SecretList
	err := r.List(ctx, &list, client.InNamespace(b.Namespace), client.MatchingLabels(children.Labels(b)))
	if err != nil {
		return out, fmt.Errorf("list Secrets of Broker %s: %w", keyOf(b), err)
	}
	byName := make(map[string]*corev1.Secret, len(list.Items))
	for i := range list.Items {
		byName[list.Items[i].Name] = &list.Items[i]
	}
	for shard := range out {
		out[shard] = byName[children.AuthShardName(b, shard)]
	}
	return out, nil
}

// member is a User that may connect, and its connection Secret.
type member struct {
	user   *v1alpha1.User
	secret *corev1.Secret
}

// accountsOf are the members that a password file can hold.
func accountsOf(members []member) []render.Account {
	accounts := make([]render.Account, 0, len(members))
	for _, m := range members {
		if account := accountOf(m.user, m.secret); checkAccount(account) == nil {
			accounts = append(accounts, account)
		}
	}
	return accounts
}

// members are the Users that may connect: allowed here, first to claim their name, not suspended, and
// with a connection Secret.
func (r *BrokerReconciler) members(ctx context.Context, b *v1alpha1.Broker) ([]member, error) {
	users, err := usersOf(ctx, r.Client, b)
	if err != nil {
		return nil, err
	}
	winners, _ := render.ResolveUsers(users)
	members := make([]member, 0, len(winners))
	for _, u := range winners {
		if u.Spec.Suspended {
			continue
		}
		secret := &corev1.Secret{}
		err := r.Get(ctx, client.ObjectKey{Namespace: u.Namespace, Name: connectionSecretName(u)}, secret)
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("get connection Secret of User %s/%s: %w", u.Namespace, u.Name, err)
		}
		if err != nil || !metav1.IsControlledBy(secret, u) {
			continue // the User's own pass makes it, and this one follows
		}
		members = append(members, member{u, secret})
	}
	return members, nil
}

// usersOf are the Users that name the Broker and may: those being deleted may not.
func usersOf(ctx context.Context, c client.Reader, b *v1alpha1.Broker) ([]v1alpha1.User, error) {
	var list v1alpha1.UserList
	if err := c.List(ctx, &list, client.MatchingFields{indexBroker: keyOf(b).String()}); err != nil {
		return nil, fmt.Errorf("list Users of Broker %s: %w", keyOf(b), err)
	}
	allowed := newConsent(c, b)
	var users []v1alpha1.User
	for i := range list.Items {
		u := &list.Items[i]
		ok, err := allowed.of(ctx, u.Namespace)
		if err != nil {
			return nil, err
		}
		if ok && u.DeletionTimestamp == nil {
			users = append(users, *u)
		}
	}
	return users, nil
}

// accountOf is the User as the broker shall know it.
func accountOf(u *v1alpha1.User, connection *corev1.Secret) render.Account {
	return render.Account{
		Username:     render.Username(u),
		PasswordHash: string(connection.Data[keyPasswordHash]),
		ScramKeys:    scramKeysIn(connection),
		Groups:       u.Spec.Groups,
		Limits:       u.Spec.Limits,
		Certified:    u.Spec.Authentication.Password.Disabled,
		Previous:     previousIn(connection),
	}
}

// previousIn are the lines of the password of before that a connection Secret has. When they end is for the User's
// pass to say.
func previousIn(connection *corev1.Secret) []string {
	data := connection.Data[keyRotation]
	if len(data) == 0 {
		return nil
	}
	return render.ParseRotation(data).Previous
}

// checkAccount says whether a password file can hold the account, so that one User can't spoil the
// file for all.
func checkAccount(a render.Account) error {
	if strings.ContainsFunc(a.Username, unicode.IsControl) {
		return fmt.Errorf("user name %q has a control character", a.Username)
	}
	if strings.HasPrefix(a.Username, "#") {
		return fmt.Errorf("user name %q begins with '#', as a comment in a password file does", a.Username)
	}
	for _, keys := range slices.Concat(a.ScramKeys, a.Previous) {
		if err := password.Check(keys); err != nil {
			return err
		}
	}
	if a.PasswordHash == "" && a.Certified {
		return nil
	}
	return password.Check(a.PasswordHash)
}

// acls are the ACLs that name the Broker and may. Of one whose rules are not valid any more, the
// last valid state stays: leaving it out could open what it denies.
func (r *BrokerReconciler) acls(ctx context.Context, b *v1alpha1.Broker, shards [render.Shards]*corev1.Secret) ([]config.ACL, error) {
	var list v1alpha1.ACLList
	if err := r.List(ctx, &list, client.MatchingFields{indexBroker: keyOf(b).String()}); err != nil {
		return nil, fmt.Errorf("list ACLs of Broker %s: %w", keyOf(b), err)
	}
	allowed := newConsent(r.Client, b)
	var acls []config.ACL
	for i := range list.Items {
		a := &list.Items[i]
		ok, err := allowed.of(ctx, a.Namespace)
		if err != nil {
			return nil, err
		}
		if !ok || a.DeletionTimestamp != nil {
			continue
		}
		acl := render.ACL(a)
		if render.ValidateACL(a) != nil || access.Test(a) != nil {
			last := lastValid(shards, acl.Name)
			if last == nil {
				continue
			}
			acl = *last
		}
		acls = append(acls, acl)
	}
	return acls, nil
}

// lastValid is the ACL of that name in the bundle as it is; nil if there is none.
func lastValid(shards [render.Shards]*corev1.Secret, name string) *config.ACL {
	shard := render.Shard(name)
	if shards[shard] == nil {
		return nil
	}
	var set config.ACLSet
	if json.Unmarshal(shards[shard].Data[fmt.Sprintf(config.BundleACLsFmt, shard)], &set) != nil {
		return nil
	}
	for i := range set.ACLs {
		if set.ACLs[i].Name == name {
			return &set.ACLs[i]
		}
	}
	return nil
}
