# SPDX-License-Identifier: Apache-2.0
"""How a Postfix of our own is configured, unpacked and not installed."""
MAIN_CF = """compatibility_level = 3.6
myhostname = bench.invalid
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
config_directory = {home}/conf
queue_directory = {home}/queue
data_directory = {home}/data
daemon_directory = {root}/usr/lib/postfix/sbin
command_directory = {root}/usr/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {home}/conf
import_environment = LD_LIBRARY_PATH MAIL_CONFIG TZ
maillog_file = {home}/log
maillog_file_prefixes = {home}
mail_owner = {owner}
setgid_group = {group}
mynetworks = 127.0.0.0/8
local_recipient_maps =
alias_maps =
smtpd_sender_restrictions = static:HOLD
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
in_flow_delay = 0
default_process_limit = 200
message_size_limit = 50000000
"""
MASTER_CF = """{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
anvil unix - - n - 1 anvil
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""
