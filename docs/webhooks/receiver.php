<?php
// Receives webhooks of NodeByte. PHP 7.4 or newer, no packages, under any web server or its own:
//
//     WEBHOOK_SECRET=whsec_... php -S "127.0.0.1:$PORT" receiver.php
//
// While a secret is being replaced, WEBHOOK_SECRET may hold both, with a space between.
declare(strict_types=1);

const TOLERANCE = 300; // seconds, both ways
const LARGEST = 1 << 20; // bytes of a body

// Your work goes here. If it throws, the answer is 500 and the event comes again.
function take(array $event): void
{
    file_put_contents('php://stdout', "$event[type] $event[subject] $event[id]\n");
}

function keys(): array
{
    $keys = [];
    foreach (explode(' ', trim((string) getenv('WEBHOOK_SECRET'))) as $text) {
        $key = base64_decode(preg_replace('/^whsec_/', '', $text), true);
        if ($key === false || strlen($key) < 24) {
            throw new RuntimeException('WEBHOOK_SECRET must hold whsec_..., as it was shown');
        }
        $keys[] = $key;
    }
    return $keys;
}

function is_genuine(string $id, string $timestamp, string $body, string $signatures): bool
{
    if ($id === '' || strpos($id, '.') !== false || !ctype_digit($timestamp)) {
        return false;
    }
    if (abs(time() - (int) $timestamp) > TOLERANCE) {
        return false;
    }
    $matches = false;
    foreach (keys() as $key) {
        $wanted = 'v1,' . base64_encode(hash_hmac('sha256', "$id.$timestamp.$body", $key, true));
        foreach (explode(' ', $signatures) as $given) {
            $matches = hash_equals($wanted, $given) || $matches;
        }
    }
    return $matches;
}

// What was taken before: a file for each id, locked while the work is done and not empty
// afterwards. A service keeps the ids in its database and adds each in the transaction that
// does the work.
function take_once(string $id, string $body): void
{
    $directory = getenv('WEBHOOK_IDS') ?: sys_get_temp_dir() . '/nodebyte-webhook-ids';
    is_dir($directory) || mkdir($directory, 0700, true);
    $mark = fopen($directory . '/' . hash('sha256', $id), 'c+');
    flock($mark, LOCK_EX);
    if (fstat($mark)['size'] === 0) {
        take(json_decode($body, true, 512, JSON_THROW_ON_ERROR));
        fwrite($mark, 'taken');
    }
    fclose($mark);
}

http_response_code(500); // until everything went well
$body = (string) file_get_contents('php://input', false, null, 0, LARGEST + 1);
$header = fn (string $name): string => $_SERVER["HTTP_WEBHOOK_$name"] ?? '';
if ($_SERVER['REQUEST_METHOD'] !== 'POST') {
    http_response_code(405);
} elseif (strlen($body) > LARGEST) {
    http_response_code(413);
} elseif (!is_genuine($header('ID'), $header('TIMESTAMP'), $body, $header('SIGNATURE'))) {
    http_response_code(401);
} else {
    take_once($header('ID'), $body);
    http_response_code(200);
}
