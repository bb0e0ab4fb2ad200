package children

import (
	coreac "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/dunlin-mqtt/dunlin/api/v1alpha1"
)

// Config is the ConfigMap with the broker's configuration file.
func Config(b *v1alpha1.Broker, configYAML []byte) *coreac.ConfigMapApplyConfiguration {
	return coreac.ConfigMap(ConfigName(b), b.Namespace).
		WithLabels(Labels(b)).
		WithData(map[string]string{KeyConfig: string(configYAML)})
}
