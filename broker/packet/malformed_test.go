package packet

import (
	"errors"
	"strings"
	"testing"
)

// bad is a packet that breaks one rule.
type bad struct {
	name   string
	v      Version
	wire   string
	reason ReasonCode
	clause string
	detail string // part of the message
}

var malformedHeaders = []bad{
	{"type 0", V5, "00 00", MalformedPacket, "MQTT 5 §2.1.2", "type 0"},
	{"type 15 before MQTT 5", V311, "f0 00", MalformedPacket, "MQTT-2.2.2-1 of 3.1.1", "type 15"},
	{"CONNECT flags", V5, "11 00", MalformedPacket, "MQTT-2.1.3-1", "CONNECT: reserved flags are 1"},
	{"CONNACK flags", V5, "21 00", MalformedPacket, "MQTT-2.1.3-1", "CONNACK"},
	{"PUBACK flags", V5, "42 00", MalformedPacket, "MQTT-2.1.3-1", "PUBACK"},
	{"PUBREC flags", V5, "51 00", MalformedPacket, "MQTT-2.1.3-1", "PUBREC"},
	{"PUBREL flags", V5, "60 00", MalformedPacket, "MQTT-3.6.1-1", "PUBREL"},
	{"PUBREL with DUP", V311, "6a 00", MalformedPacket, "MQTT-3.6.1-1", "PUBREL"},
	{"PUBREL QoS 2 in 3.1", V31, "64 00", MalformedPacket, "MQTT-3.6.1-1", "PUBREL"},
	{"PUBCOMP flags", V5, "72 00", MalformedPacket, "MQTT-2.1.3-1", "PUBCOMP"},
	{"SUBSCRIBE flags", V5, "80 00", MalformedPacket, "MQTT-3.8.1-1", "SUBSCRIBE"},
	{"SUBACK flags", V5, "91 00", MalformedPacket, "MQTT-2.1.3-1", "SUBACK"},
	{"UNSUBSCRIBE flags", V5, "a0 00", MalformedPacket, "MQTT-3.10.1-1", "UNSUBSCRIBE"},
	{"UNSUBACK flags", V5, "b1 00", MalformedPacket, "MQTT-2.1.3-1", "UNSUBACK"},
	{"PINGREQ flags", V5, "c1 00", MalformedPacket, "MQTT-2.1.3-1", "PINGREQ"},
	{"PINGRESP flags", V5, "d1 00", MalformedPacket, "MQTT-2.1.3-1", "PINGRESP"},
	{"DISCONNECT flags", V5, "e1 00", MalformedPacket, "MQTT-3.14.1-1", "DISCONNECT"},
	{"AUTH flags", V5, "f1 00", MalformedPacket, "MQTT-3.15.1-1", "AUTH"},
	{"length over-long", V5, "30 84 00", MalformedPacket, "MQTT-1.5.5-1", "PUBLISH: remaining length"},
	{"length of 5 bytes", V5, "30 ff ff ff ff 01", MalformedPacket, "MQTT 5 §1.5.5", "more than 4 bytes"},
	{"PINGREQ body", V311, "c0 01 00", MalformedPacket, "MQTT 5 §2.1.4", "PINGREQ: remaining length is 1"},
	{"PINGRESP body", V311, "d0 01 00", MalformedPacket, "MQTT 5 §2.1.4", "PINGRESP: remaining length is 1"},
}

// connectHead is a CONNECT of MQTT 5 with clean start up to the properties.
const connectHead = "0004'MQTT' 05 02 0000 "

var malformedConnects = []bad{
	{"protocol name", 0, "0004'MQTX' 04 02 0000 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-1", "protocol name"},
	{"protocol level", V311, "0004'MQTT' 03 02 0000 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2", "no level 3"},
	{"protocol level 6", V5, "0004'MQTT' 06 02 0000 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2", "no level 6"},
	{"bridge level", V311, "0004'MQTT' 84 02 0000 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2", "no level 132"},
	{"MQIsdp level 4", V311, "0006'MQIsdp' 04 02 0000 0000", UnsupportedProtocolVersion, "MQTT-3.1.2-2", "MQIsdp has no level 4"},
	{"reserved flag", V311, "0004'MQTT' 04 03 0000 0000", MalformedPacket, "MQTT-3.1.2-3", "reserved connect flag"},
	{"will QoS without will", V5, "0004'MQTT' 05 0a 0000 00 0000", MalformedPacket, "MQTT-3.1.2-11", "will QoS"},
	{"will QoS 3", V5, "0004'MQTT' 05 1e 0000 00 0000 00 0001'w' 0000", MalformedPacket, "MQTT-3.1.2-12", "will QoS is 3"},
	{"will retain without will", V5, "0004'MQTT' 05 22 0000 00 0000", MalformedPacket, "MQTT-3.1.2-13", "will retain"},
	{"password without user name", V311, "0004'MQTT' 04 42 0000 0000 0001'p'", MalformedPacket, "MQTT-3.1.2-22 of 3.1.1", "without a user name"},
	{"password without user name", V31, "0006'MQIsdp' 03 42 0000 0001'c' 0001'p'", MalformedPacket, "MQTT-3.1.2-22 of 3.1.1", "without a user name"},
	{"will missing", V311, "0004'MQTT' 04 06 0000 0000", MalformedPacket, "MQTT 5 §4.13.1", "will topic"},
	{"user name missing", V311, "0004'MQTT' 04 82 0000 0000", MalformedPacket, "MQTT 5 §4.13.1", "user name"},
	{"password missing", V311, "0004'MQTT' 04 c2 0000 0000 0001'u'", MalformedPacket, "MQTT 5 §4.13.1", "password"},
	{"user name unannounced", V311, "0004'MQTT' 04 02 0000 0000 0001'u'", MalformedPacket, "MQTT 5 §2.1.4", "trailing bytes: 3"},
	{"client identifier missing", V311, "0004'MQTT' 04 02 0000", MalformedPacket, "MQTT 5 §4.13.1", "client identifier"},
	{"client identifier not UTF-8", V311, "0004'MQTT' 04 02 0000 0001 ff", MalformedPacket, "MQTT-1.5.4-1", "client identifier"},
	{"client identifier with NUL", V311, "0004'MQTT' 04 02 0000 0001 00", MalformedPacket, "MQTT-1.5.4-2", "client identifier"},
	{"user name surrogate", V311, "0004'MQTT' 04 82 0000 0000 0003 eda080", MalformedPacket, "MQTT-1.5.4-1", "user name"},
	{"empty client identifier, not clean", V311, "0004'MQTT' 04 00 0000 0000", ClientIdentifierNotValid, "MQTT-3.1.3-8 of 3.1.1", "client identifier is empty"},
	{"empty client identifier", V31, "0006'MQIsdp' 03 02 0000 0000", ClientIdentifierNotValid, "MQTT 3.1 §3.1", "client identifier is empty"},
	{"will topic wildcard", V311, "0004'MQTT' 04 06 0000 0000 0001'#' 0000", TopicNameInvalid, "MQTT-4.7.0-1", "will topic"},
	{"will topic empty", V311, "0004'MQTT' 04 06 0000 0000 0000 0000", ProtocolError, "MQTT-4.7.3-1", "will topic is empty"},
	{"will topic not UTF-8", V311, "0004'MQTT' 04 06 0000 0000 0001 c3 0000", MalformedPacket, "MQTT-1.5.4-1", "will topic"},
	{"property length missing", V5, connectHead, MalformedPacket, "MQTT-2.2.2-1", "property length"},
	{"property length over-long", V5, connectHead + "8000 0000", MalformedPacket, "MQTT-1.5.5-1", "property length"},
	{"properties cut", V5, connectHead + "05 21 0001", MalformedPacket, "MQTT 5 §4.13.1", "properties"},
	{"property value cut", V5, connectHead + "02 21 00 0000", MalformedPacket, "MQTT 5 §4.13.1", "receive maximum"},
	{"flag cut", V5, connectHead + "01 17 0000", MalformedPacket, "MQTT 5 §4.13.1", "request problem information"},
	{"uint32 cut", V5, connectHead + "04 11 000000 0000", MalformedPacket, "MQTT 5 §4.13.1", "session expiry interval"},
	{"string length cut", V5, connectHead + "02 15 00 0000", MalformedPacket, "MQTT 5 §4.13.1", "authentication method"},
	{"string cut", V5, connectHead + "04 15 0002'm' 0000", MalformedPacket, "MQTT 5 §4.13.1", "authentication method"},
	{"user property name cut", V5, connectHead + "03 26 0001 0000", MalformedPacket, "MQTT 5 §4.13.1", "user property"},
	{"user property value cut", V5, connectHead + "05 26 0000 0001 0000", MalformedPacket, "MQTT 5 §4.13.1", "user property"},
	{"unknown property", V5, connectHead + "02 2b 00 0000", MalformedPacket, "MQTT 5 §2.2.2.2", "0x2b"},
	{"gap in the properties", V5, connectHead + "02 04 00 0000", MalformedPacket, "MQTT 5 §2.2.2.2", "0x4"},
	{"property of two bytes", V5, connectHead + "03 a1 00 00 0000", MalformedPacket, "MQTT 5 §2.2.2.2", "0xa1"},
	{"property of CONNACK", V5, connectHead + "02 24 00 0000", MalformedPacket, "MQTT 5 §2.2.2.2", "maximum QoS does not belong"},
	{"will property outside", V5, connectHead + "05 18 00000000 0000", MalformedPacket, "MQTT 5 §2.2.2.2", "will delay interval does not belong"},
	{"CONNECT property in will", V5, "0004'MQTT' 05 06 0000 00 0000 05 11 00000000 0001'w' 0000", MalformedPacket, "MQTT 5 §2.2.2.2", "will: session expiry interval"},
	{"receive maximum 0", V5, connectHead + "03 21 0000 0000", ProtocolError, "MQTT 5 §3.1.2.11.3", "receive maximum is 0"},
	{"maximum packet size 0", V5, connectHead + "05 27 00000000 0000", ProtocolError, "MQTT 5 §3.1.2.11.4", "maximum packet size is 0"},
	{"request problem information 2", V5, connectHead + "02 17 02 0000", ProtocolError, "MQTT 5 §3.1.2.11.7", "neither 0 nor 1"},
	{"request response information 2", V5, connectHead + "02 19 02 0000", ProtocolError, "MQTT 5 §3.1.2.11.6", "neither 0 nor 1"},
	{"session expiry twice", V5, connectHead + "0a 11 00000000 11 00000000 0000", ProtocolError, "MQTT 5 §3.1.2.11.2", "given twice"},
	{"authentication data alone", V5, connectHead + "03 16 0000 0000", ProtocolError, "MQTT 5 §3.1.2.11.10", "without an authentication method"},
	{"authentication method empty", V5, connectHead + "03 15 0000 0000", ProtocolError, "MQTT 5 §3.1.2.11.9", "is empty"},
	{"user property name", V5, connectHead + "06 26 0001 ff 0000 0000", MalformedPacket, "MQTT-1.5.4-1", "user property"},
	{"user property value", V5, connectHead + "06 26 0000 0001 00 0000", MalformedPacket, "MQTT-1.5.4-2", "user property"},
}

var malformedPublishes = []bad{
	{"QoS 3", V311, "36 03 0001't'", MalformedPacket, "MQTT-3.3.1-4", "QoS is 3"},
	{"DUP with QoS 0", V311, "38 03 0001't'", MalformedPacket, "MQTT-3.3.1-2", "DUP"},
	{"packet identifier 0", V311, "32 05 0001't' 0000", ProtocolError, "MQTT-2.2.1-3", "packet identifier is 0"},
	{"wildcard #", V311, "30 05 0003'a/#'", TopicNameInvalid, "MQTT-3.3.2-2", "wildcard"},
	{"wildcard + after 8 bytes", V5, "30 0d 000a'abcdefgh/+' 00", TopicNameInvalid, "MQTT-3.3.2-2", "wildcard"},
	{"wildcard + within 8 bytes", V5, "30 0d 000a'abc+efgh/i' 00", TopicNameInvalid, "MQTT-3.3.2-2", "wildcard"},
	{"topic not UTF-8", V311, "30 03 0001 80", MalformedPacket, "MQTT-1.5.4-1", "topic name"},
	{"topic overlong UTF-8", V311, "30 04 0002 c080", MalformedPacket, "MQTT-1.5.4-1", "topic name"},
	{"topic surrogate", V311, "30 05 0003 edbfbf", MalformedPacket, "MQTT-1.5.4-1", "topic name"},
	{"topic NUL", V311, "30 03 0001 00", MalformedPacket, "MQTT-1.5.4-2", "topic name"},
	{"topic NUL within 8 bytes", V311, "30 0b 0009'abc' 00 'efghi'", MalformedPacket, "MQTT-1.5.4-2", "topic name"},
	{"topic empty", V311, "30 02 0000", ProtocolError, "MQTT-4.7.3-1", "topic name is empty"},
	{"topic empty without alias", V5, "30 03 0000 00", ProtocolError, "MQTT-4.7.3-1", "topic name is empty"},
	{"topic longer than the packet", V311, "30 03 0005't'", MalformedPacket, "MQTT 5 §4.13.1", "topic name is cut short: 5 bytes needed, 1 left"},
	{"property length missing", V5, "30 03 0001't'", MalformedPacket, "MQTT-2.2.2-1", "property length"},
	{"property length over-long", V5, "30 05 0001't' 8000", MalformedPacket, "MQTT-1.5.5-1", "property length"},
	{"properties longer than the packet", V5, "30 04 0001't' 01", MalformedPacket, "MQTT 5 §4.13.1", "properties"},
	{"alias 0", V5, "30 07 0001't' 03 23 0000", TopicAliasInvalid, "MQTT-3.3.2-8", "topic alias is 0"},
	{"alias twice", V5, "30 0a 0001't' 06 23 0001 23 0001", ProtocolError, "MQTT-3.3.2-8", "given twice"},
	{"subscription identifier 0", V5, "30 06 0001't' 02 0b 00", ProtocolError, "MQTT 5 §3.8.2.1.2", "subscription identifier is 0"},
	{"subscription identifier cut", V5, "30 06 0001't' 02 0b 80", MalformedPacket, "MQTT 5 §4.13.1", "subscription identifier"},
	{"subscription identifier over-long", V5, "30 07 0001't' 03 0b 8100", MalformedPacket, "MQTT-1.5.5-1", "subscription identifier"},
	{"payload format 2", V5, "30 06 0001't' 02 01 02", ProtocolError, "MQTT 5 §3.3.2.3.2", "payload format"},
	{"expiry twice", V5, "30 0e 0001't' 0a 02 00000001 02 00000001", ProtocolError, "MQTT 5 §3.3.2.3.3", "given twice"},
	{"response topic wildcard", V5, "30 08 0001't' 04 08 0001'#'", ProtocolError, "MQTT-3.3.2-14", "response topic"},
	{"response topic empty", V5, "30 07 0001't' 03 08 0000", ProtocolError, "MQTT-4.7.3-1", "response topic is empty"},
	{"response topic not UTF-8", V5, "30 08 0001't' 04 08 0001 ff", MalformedPacket, "MQTT-1.5.4-1", "response topic"},
	{"content type not UTF-8", V5, "30 08 0001't' 04 03 0001 ff", MalformedPacket, "MQTT-1.5.4-1", "content type"},
	{"content type twice", V5, "30 0a 0001't' 06 03 0000 03 0000", ProtocolError, "MQTT 5 §3.3.2.3.9", "given twice"},
	{"correlation data twice", V5, "30 0a 0001't' 06 09 0000 09 0000", ProtocolError, "MQTT 5 §3.3.2.3.6", "given twice"},
	{"reason string", V5, "30 07 0001't' 03 1f 0000", MalformedPacket, "MQTT 5 §2.2.2.2", "reason string does not belong"},
}

var malformedAcks = []bad{
	{"PUBACK id 0", V311, "40 02 0000", ProtocolError, "MQTT-2.2.1-3", "PUBACK: packet identifier is 0"},
	{"PUBACK too long", V311, "40 03 0001 00", MalformedPacket, "MQTT 5 §2.1.4", "trailing bytes: 1"},
	{"PUBACK reason", V5, "40 03 0001 92", ProtocolError, "MQTT-3.4.2-1", "reason code 0x92"},
	{"PUBREC reason", V5, "50 03 0001 01", ProtocolError, "MQTT-3.5.2-1", "reason code 0x1"},
	{"PUBREL reason", V5, "62 03 0001 80", ProtocolError, "MQTT-3.6.2-1", "reason code 0x80"},
	{"PUBCOMP reason", V5, "70 03 0001 ff", ProtocolError, "MQTT-3.7.2-1", "reason code 0xff"},
	{"PUBACK property", V5, "40 08 0001 00 04 03 0001'x'", MalformedPacket, "MQTT 5 §2.2.2.2", "content type"},
	{"PUBACK reason string twice", V5, "40 0a 0001 00 06 1f 0000 1f 0000", ProtocolError, "MQTT 5 §3.2.2.3.9", "given twice"},
	{"PUBACK beyond properties", V5, "40 05 0001 00 00 00", MalformedPacket, "MQTT 5 §2.1.4", "trailing bytes: 1"},

	{"CONNACK flags", V311, "20 02 02 00", MalformedPacket, "MQTT-3.2.2-1", "acknowledge flags"},
	{"CONNACK session present", V31, "20 02 01 00", MalformedPacket, "MQTT-3.2.2-1", "acknowledge flags"},
	{"CONNACK return code", V311, "20 02 00 06", ProtocolError, "MQTT 3.1.1 §3.2.2.3", "return code 6"},
	{"CONNACK reason", V5, "20 03 00 04 00", ProtocolError, "MQTT-3.2.2-8", "reason code 0x4"},
	{"CONNACK session present, refused", V5, "20 03 01 87 00", ProtocolError, "MQTT-3.2.2-6", "session present"},
	{"CONNACK session present, refused", V311, "20 02 01 05", ProtocolError, "MQTT-3.2.2-6", "session present"},
	{"CONNACK maximum QoS 2", V5, "20 05 00 00 02 24 02", ProtocolError, "MQTT 5 §3.2.2.3.4", "maximum QoS"},
	{"CONNACK receive maximum 0", V5, "20 06 00 00 03 21 0000", ProtocolError, "MQTT 5 §3.1.2.11.3", "receive maximum is 0"},
	{"CONNACK maximum packet size 0", V5, "20 08 00 00 05 27 00000000", ProtocolError, "MQTT 5 §3.1.2.11.4", "maximum packet size is 0"},
	{"CONNACK retain available 2", V5, "20 05 00 00 02 25 02", ProtocolError, "MQTT 5 §3.2.2.3.5", "retain available"},

	{"SUBACK id 0", V311, "90 03 0000 00", ProtocolError, "MQTT-2.2.1-3", "packet identifier is 0"},
	{"SUBACK without codes", V311, "90 02 0001", ProtocolError, "MQTT-3.9.3-2", "no reason code"},
	{"SUBACK code 3", V5, "90 04 0001 00 03", ProtocolError, "MQTT-3.9.3-2", "reason code 0x3"},
	{"SUBACK code of MQTT 5", V311, "90 03 0001 87", ProtocolError, "MQTT-3.9.3-2 of 3.1.1", "return code 0x87"},
	{"UNSUBACK code", V5, "b0 04 0001 00 01", ProtocolError, "MQTT-3.11.3-2", "reason code 0x1"},
	{"UNSUBACK without codes", V5, "b0 03 0001 00", ProtocolError, "MQTT-3.11.3-2", "no reason code"},
	{"UNSUBACK with codes", V311, "b0 03 0001 00", MalformedPacket, "MQTT 5 §2.1.4", "trailing bytes: 1"},
}

var malformedOthers = []bad{
	{"SUBSCRIBE id 0", V311, "82 06 0000 0001'a' 00", ProtocolError, "MQTT-2.2.1-3", "packet identifier is 0"},
	{"SUBSCRIBE without filters", V311, "82 02 0001", ProtocolError, "MQTT-3.8.3-2", "no topic filter"},
	{"SUBSCRIBE without filters", V5, "82 03 0001 00", ProtocolError, "MQTT-3.8.3-2", "no topic filter"},
	{"SUBSCRIBE without options", V311, "82 05 0001 0001'a'", MalformedPacket, "MQTT 5 §4.13.1", "subscription options"},
	{"SUBSCRIBE filter cut", V311, "82 05 0001 0005'a'", MalformedPacket, "MQTT 5 §4.13.1", "topic filter"},
	{"SUBSCRIBE empty filter", V311, "82 05 0001 0000 00", ProtocolError, "MQTT-4.7.3-1", "topic filter is empty"},
	{"SUBSCRIBE filter not UTF-8", V311, "82 06 0001 0001 ff 00", MalformedPacket, "MQTT-1.5.4-1", "topic filter"},
	{"SUBSCRIBE filter NUL", V311, "82 06 0001 0001 00 00", MalformedPacket, "MQTT-1.5.4-2", "topic filter"},
	{"SUBSCRIBE QoS 3", V311, "82 06 0001 0001'a' 03", MalformedPacket, "MQTT-3-8.3-4 of 3.1.1", "QoS byte is 3"},
	{"SUBSCRIBE reserved bits", V311, "82 06 0001 0001'a' 04", MalformedPacket, "MQTT-3-8.3-4 of 3.1.1", "QoS byte is 4"},
	{"SUBSCRIBE QoS 3", V5, "82 07 0001 00 0001'a' 03", ProtocolError, "MQTT 5 §3.8.3.1", "maximum QoS is 3"},
	{"SUBSCRIBE reserved bit 6", V5, "82 07 0001 00 0001'a' 40", MalformedPacket, "MQTT-3.8.3-5", "reserved bits"},
	{"SUBSCRIBE reserved bit 7", V5, "82 07 0001 00 0001'a' 80", MalformedPacket, "MQTT-3.8.3-5", "reserved bits"},
	{"SUBSCRIBE retain handling 3", V5, "82 07 0001 00 0001'a' 30", ProtocolError, "MQTT 5 §3.8.3.1", "retain handling is 3"},
	{"SUBSCRIBE no local shared", V5, "82 10 0001 00 000a'$share/g/a' 04", ProtocolError, "MQTT-3.8.3-4", "no local"},
	{"SUBSCRIBE identifier 0", V5, "82 09 0001 02 0b00 0001'a' 00", ProtocolError, "MQTT 5 §3.8.2.1.2", "subscription identifier is 0"},
	{"SUBSCRIBE identifier twice", V5, "82 0b 0001 04 0b01 0b02 0001'a' 00", ProtocolError, "MQTT 5 §3.8.2.1.2", "given twice"},
	{"SUBSCRIBE property", V5, "82 0a 0001 03 1f0000 0001'a' 00", MalformedPacket, "MQTT 5 §2.2.2.2", "reason string"},
	{"UNSUBSCRIBE id 0", V311, "a2 05 0000 0001'a'", ProtocolError, "MQTT-2.2.1-3", "packet identifier is 0"},
	{"UNSUBSCRIBE without filters", V311, "a2 02 0001", ProtocolError, "MQTT-3.10.3-2", "no topic filter"},
	{"UNSUBSCRIBE without filters", V5, "a2 03 0001 00", ProtocolError, "MQTT-3.10.3-2", "no topic filter"},
	{"UNSUBSCRIBE empty filter", V311, "a2 04 0001 0000", ProtocolError, "MQTT-4.7.3-1", "topic filter is empty"},
	{"UNSUBSCRIBE filter not UTF-8", V311, "a2 05 0001 0001 ff", MalformedPacket, "MQTT-1.5.4-1", "topic filter"},
	{"UNSUBSCRIBE identifier", V5, "a2 08 0001 02 0b01 0001'a'", MalformedPacket, "MQTT 5 §2.2.2.2", "subscription identifier"},

	{"DISCONNECT body", V311, "e0 01 00", MalformedPacket, "MQTT 5 §2.1.4", "DISCONNECT: trailing bytes: 1"},
	{"DISCONNECT reason", V5, "e0 01 01", ProtocolError, "MQTT-3.14.2-1", "reason code 0x1"},
	{"DISCONNECT property", V5, "e0 05 00 03 21 0001", MalformedPacket, "MQTT 5 §2.2.2.2", "receive maximum"},
	{"AUTH reason", V5, "f0 01 01", ProtocolError, "MQTT-3.15.2-1", "reason code 0x1"},
	{"AUTH without method", V5, "f0 02 18 00", ProtocolError, "MQTT 5 §3.15.2.2.2", "authentication method is missing"},
	{"AUTH without properties", V5, "f0 01 18", MalformedPacket, "MQTT-2.2.2-1", "property length"},
}

// check compares a refusal with what the table says.
func (b bad) check(t *testing.T, err error) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want an *Error", err)
	}
	if e.Reason != b.reason || e.Clause != b.clause || !strings.Contains(e.Detail, b.detail) {
		t.Errorf("got %v: %v\nwant %v: ...%s... [%s]", e.Reason, e, b.reason, b.detail, b.clause)
	}
	if want := e.Detail + " [" + e.Clause + "]"; e.Error() != want {
		t.Errorf("Error() = %q, want %q", e.Error(), want)
	}
}

func TestMalformedHeader(t *testing.T) {
	for _, b := range malformedHeaders {
		t.Run(b.v.String()+" "+b.name, func(t *testing.T) {
			_, _, n, _, err := NextVersion(unhex(t, b.wire), 0, b.v)
			if n != 0 {
				t.Errorf("n = %d, want 0", n)
			}
			b.check(t, err)
		})
	}
}

// TestMalformedConnect also checks that Version says how to answer: it is the row's v.
func TestMalformedConnect(t *testing.T) {
	for _, b := range malformedConnects {
		t.Run(b.v.String()+" "+b.name, func(t *testing.T) {
			var c Connect
			b.check(t, c.Parse(unhex(t, b.wire)))
			if c.Version != b.v {
				t.Errorf("Version = %v, want %v", c.Version, b.v)
			}
		})
	}
}

func TestMalformed(t *testing.T) {
	for name, table := range map[string][]bad{"publish": malformedPublishes, "acks": malformedAcks, "others": malformedOthers} {
		for _, b := range table {
			t.Run(name+"/"+b.v.String()+" "+b.name, func(t *testing.T) {
				wire := unhex(t, b.wire)
				h, body, n, _, err := NextVersion(wire, 0, b.v)
				if err != nil || n != len(wire) {
					t.Fatalf("Next: n %d, err %v, want the whole %d bytes", n, err, len(wire))
				}
				_, err = parse(h, body, b.v)
				b.check(t, err)
			})
		}
	}
}
