#!/bin/busybox sh
# The whole user space of the laboratory's small guest (see guest.py). Everything it says on the
# console is one word and its arguments, so that a test can look for a line.
busybox=/bin/busybox
$busybox mkdir -p /proc /sys /dev /run /tmp /seed /etc /www /bin /sbin
$busybox --install -s /bin
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
exec < /dev/console > /dev/console 2>&1
echo 1 > /proc/sys/kernel/printk # the console is for our lines
hostname guest

while read -r module; do insmod "/modules/$module"; done < /modules/order
# A slow emulated disk may appear a moment after its driver.
for try in 1 2 3 4 5 6 7 8 9 10; do
    ls /sys/block | grep -q . && break
    usleep 50000
done

for disk in /sys/block/vd* /sys/block/sr*; do
    [ -e "$disk" ] || continue
    name=${disk##*/}
    case $name in vd*) echo "DISK $name $(cat "$disk/size")" ;; esac
    [ -e /seed/meta-data ] && continue
    # The label of an ISO 9660 volume stands 40 bytes into sector 16; NoCloud's is "cidata".
    label=$(dd if="/dev/$name" bs=1 skip=32808 count=6 2> /dev/null | tr a-z A-Z)
    [ "$label" = CIDATA ] && mount -t iso9660 -o ro "/dev/$name" /seed
done

for link in /sys/class/net/eth*; do
    [ -e "$link" ] || continue
    echo "NIC ${link##*/} $(cat "$link/address")"
    ip link set "${link##*/}" up
done
ip link set lo up

if [ -e /seed/meta-data ]; then
    # JSON is YAML too, and cloud-init's writers like quotes.
    name=$(tr -d "\"'{}," < /seed/meta-data | sed -n 's/^ *local-hostname: *//p' | head -n 1)
    [ -n "$name" ] && hostname "$name"
    echo "SEED $name"
    [ -e /seed/user-data ] && echo "USERDATA-SHA256 $(sha256sum < /seed/user-data | cut -d' ' -f1)"
fi
if [ -e /seed/network-config ]; then
    # Not a YAML parser: every address/prefix belongs to the last MAC address seen above it.
    tr 'A-Z"'"'"',[]' 'a-z     ' < /seed/network-config | awk '{
        for (i = 1; i <= NF; i++) {
            if ($i ~ /^([0-9a-f][0-9a-f]:)+[0-9a-f][0-9a-f]}?$/) { mac = substr($i, 1, 17) }
            if ($i ~ /^([0-9]+\.[0-9]+\.[0-9]+\.[0-9]+|[0-9a-f]*:[0-9a-f:]+)\/[0-9]+$/ && mac) print mac, $i
        }
    }' | while read -r mac address; do
        for link in /sys/class/net/eth*; do
            [ "$(cat "$link/address")" = "$mac" ] || continue
            ip address add "$address" dev "${link##*/}" && echo "ADDRESS ${link##*/} $address"
        done
    done
fi

for word in $(cat /proc/cmdline); do
    # An address that nobody but the guest's host knows of.
    case $word in
        lab.dhcp)
            printf '#!/bin/sh\n[ "$1" = bound ] && ip address add "$ip/$mask" dev "$interface"\n' > /bin/bound
            chmod +x /bin/bound
            udhcpc -q -n -t 20 -T 1 -i eth0 -s /bin/bound && echo "LEASED"
            ;;
    esac
    # Which image it was booted from, for whoever looks at the console or asks over HTTP.
    case $word in lab.image=*) echo "IMAGE ${word#lab.image=}"; echo "${word#lab.image=}" > /www/image ;; esac
done

hostname > /www/index.html
httpd -p 80 -h /www # something for a TCP or HTTP health check to find
# LAB_FETCH="http://… http://…" in the environment that the seed brings: fetch each, once a second, and say
# what came. A peer's eyes on a service. (This wget dies of its own -T.)
fetch=$(cat /seed/user-data 2> /dev/null | tr -d '\\' | sed -n 's/.*LAB_FETCH="\([^"]*\)".*/\1/p' | head -n 1)
if [ -n "$fetch" ]; then
    (
        while :; do
            said="" count=0
            for url in $fetch; do
                page=$(timeout 2 wget -q -O - "$url" 2> /dev/null) && count=$((count + 1)) && said="$said $page"
            done
            echo "FETCHED $count$said"
            sleep 1
        done
    ) &
fi

mkdir -p /etc/acpi/PWRF
printf '#!/bin/sh\necho POWER-BUTTON > /dev/console\npoweroff -f\n' > /etc/acpi/PWRF/00000080
chmod +x /etc/acpi/PWRF/00000080
acpid -l /dev/null

echo "RECONCILER-GUEST-UP $(hostname)"
beat=0
while :; do
    beat=$((beat + 1))
    echo "beat $beat"
    sleep 1
done
