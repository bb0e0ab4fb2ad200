package controllers

import (
	"context"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/yaml"
)

const testImage = "dunlin-broker:test"

var (
	ctx        context.Context
	kubeconfig *rest.Config     // of one who may do everything
	cluster    client.WithWatch // as a user sees the cluster, past any cache
	writes     = &writeLog{}    // what the operator has written
	brokers    = &fakeBrokers{} // what the pods answer
	clock      = &fakeClock{}
	measured   *prometheus.Registry // by the suite's operator that runs now
)

// specPatience is how long a spec waits for what the operator does at once.
const specPatience = 15 * time.Second

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(specPatience)
	SetDefaultEventuallyPollingInterval(25 * time.Millisecond)
	SetDefaultConsistentlyDuration(500 * time.Millisecond)
	RunSpecs(t, "controllers")
}

var _ = BeforeSuite(func() {
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		Fail("KUBEBUILDER_ASSETS is not set: run `make test`, which finds or builds a kube-apiserver and etcd for these tests")
	}
	ctrl.SetLogger(logr.FromSlogHandler(slog.NewTextHandler(GinkgoWriter, nil)))
	var cancel context.CancelFunc
	ctx, cancel = context.WithCancel(context.Background())

	env := &envtest.Environment{CRDDirectoryPaths: []string{"../config/crd"}, ErrorIfCRDPathMissing: true}
	env.ControlPlane.GetAPIServer().Configure().Set("service-cluster-ip-range", "10.0.0.0/16") // a /24 has no room for `make scale`
	var err error
	kubeconfig, err = env.Start()
	Expect(err).NotTo(HaveOccurred())
	scheme, err := Scheme()
	Expect(err).NotTo(HaveOccurred())
	cluster, err = client.NewWithWatch(kubeconfig, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	operator := operatorConfig(env)
	var stopOperator func()
	start := func() {
		measured = prometheus.NewRegistry()
		stopOperator = startOperator(operator, measured)
	}
	start()
	DeferCleanup(func() {
		stopOperator()
		cancel()
		Expect(env.Stop()).To(Succeed())
	})
	pause = func() (resume func()) {
		stopOperator()
		stopOperator = func() {}
		return start
	}
	restart = func() {
		stopOperator()
		start()
	}
	startAnother = func(change func(*rest.Config), measured *prometheus.Registry) (stop func()) {
		config := rest.CopyConfig(operator)
		if change != nil {
			change(config)
		}
		return startOperator(config, measured)
	}
})

// operatorConfig is a user with just the rights that the operator is installed with.
func operatorConfig(env *envtest.Environment) *rest.Config {
	GinkgoHelper()
	user, err := env.AddUser(envtest.User{Name: FieldOwner}, nil)
	Expect(err).NotTo(HaveOccurred())
	data, err := os.ReadFile("../config/rbac/role.yaml")
	Expect(err).NotTo(HaveOccurred())
	role := &rbacv1.ClusterRole{}
	Expect(yaml.UnmarshalStrict(data, role)).To(Succeed())
	Expect(cluster.Create(ctx, role)).To(Succeed())
	Expect(cluster.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: role.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: "User", Name: FieldOwner}},
	})).To(Succeed())
	config := user.Config()
	config.QPS = -1 // as cmd/operator
	return config
}

// pause stops the operator until resume is called; restart stops it and starts another one, which remembers nothing;
// startAnother starts one beside it, which reaches the cluster as change has it (nil: as the first) and measures into a registry
// of its own.
var (
	pause        func() (resume func())
	restart      func()
	startAnother func(change func(*rest.Config), measured *prometheus.Registry) (stop func())
)

// startOperator runs the controllers as cmd/operator does; the returned func stops them.
func startOperator(kubeconfig *rest.Config, measured *prometheus.Registry) func() {
	scheme, err := Scheme()
	Expect(err).NotTo(HaveOccurred())
	mgr, err := ctrl.NewManager(kubeconfig, ctrl.Options{
		Scheme: scheme, Cache: CacheOptions(nil), NewClient: writes.client,
		Metrics:    metricsserver.Options{BindAddress: "0"},
		Controller: config.Controller{SkipNameValidation: ptr.To(true)}, // restart makes them anew
	})
	Expect(err).NotTo(HaveOccurred())
	opCtx, stop := context.WithCancel(ctx)
	Expect(SetupWithManager(opCtx, mgr, Options{Image: testImage, Prober: brokers, Now: clock.Now, Registry: measured})).To(Succeed())
	done := make(chan error, 1)
	go func() { done <- mgr.Start(opCtx) }()
	return func() {
		stop()
		Eventually(done, "20s").Should(Receive(BeNil()))
	}
}

// fakeClock is the real clock and a step forward.
type fakeClock struct{ step atomic.Int64 }

func (c *fakeClock) Now() time.Time          { return time.Now().Add(time.Duration(c.step.Load())) }
func (c *fakeClock) Advance(d time.Duration) { c.step.Add(int64(d)) }
